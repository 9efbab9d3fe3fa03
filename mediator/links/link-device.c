/*
 * A link: what its device says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "link-private.h"

#include <string.h>

/* Whether HELLO names another UUID than the socket; on XCP-ng it has none. */
static bool link_claims_another_uuid(const Link *link)
{
    static const uint8_t none[sizeof(link->hello.vm_uuid)];
    g_autofree char *uuid = wire_format_uuid(link->hello.vm_uuid);

    return identity_is_uuid(link->identity->vm) &&
           memcmp(link->hello.vm_uuid, none, sizeof(none)) != 0 &&
           strcmp(uuid, link->identity->vm) != 0;
}

/*
 * A device may be given any vm_id, and a QEMU that was taken over can claim
 * any, and any UUID: that counts for nothing, but the operator may want to
 * know. 0 is a device that was given none.
 */
static void link_compare_identity(const Link *link)
{
    const Identity *identity = link->identity;
    g_autofree char *what = NULL;

    if (link_claims_another_uuid(link)) {
        what = g_strdup_printf("served as VM %s, which its socket is for",
                               identity->vm);
    } else if (link->hello.vm_id != 0 && identity->has_domid &&
               identity->domid != link->hello.vm_id) {
        what = g_strdup_printf("served as domain %u, which its socket is for",
                               identity->domid);
    }
    if (what != NULL) {
        link_log(link, G_LOG_LEVEL_MESSAGE, what);
    }
}

/* HELLO has come, which @header is of, and the device is served. */
static void link_accept(Link *link, const WireHeader *header)
{
    const uint32_t version =
        wire_accepted_version(link->hello.protocol_version);
    const struct vgpu_stub_wire_welcome welcome = wire_welcome(version);

    channel_answer(link->channel, header, VGPU_STUB_MSG_WELCOME,
                   VGPU_STUB_ERR_NONE, &welcome, sizeof(welcome));
    link->greeted = true;
    vm_connected(link->vm);
    link->context = dispatch_context_new(link->dispatch, link->vm);
    if (version == VGPU_STUB_WIRE_QUEUE) {
        link->queue = link_queue_new(link->channel, link->dispatch, link->vm,
                                     &link->hello);
    }
}

/* The first message on a connection. */
static bool link_greet(Link *link, const WireHeader *header,
                       const uint8_t *payload, GError **error)
{
    g_autoptr(GError) refusal = NULL;
    uint32_t status;

    if (header->type != VGPU_STUB_MSG_HELLO) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "the first message has type %u, not %u (HELLO)",
                    header->type, VGPU_STUB_MSG_HELLO);
        return false;
    }
    if (!wire_decode_hello(payload, header->length, &link->hello, &status,
                           &refusal)) {
        if (g_error_matches(refusal, WIRE_ERROR, WIRE_ERROR_REJECTED)) {
            channel_answer(link->channel, header, VGPU_STUB_MSG_REJECT,
                           status, refusal->message,
                           strlen(refusal->message));
        }
        g_propagate_error(error, g_steal_pointer(&refusal));
        return false;
    }
    link_accept(link, header);
    link_clear_timer(link);
    link_log(link, G_LOG_LEVEL_MESSAGE, "connected");
    link_compare_identity(link);
    return true;
}

/* The RequestAnswer of this link's requests. */
static void link_answer(gpointer opaque, const WireHeader *header,
                        uint32_t status, const void *payload, size_t length)
{
    Link *link = opaque;

    g_hash_table_remove(link->running, &header->sequence);
    channel_answer(link->channel, header, VGPU_STUB_MSG_RESPONSE, status,
                   payload, length);
}

static bool link_accept_request(Link *link, const WireHeader *header,
                                const uint8_t *payload, GError **error)
{
    Request *request;
    Reply reply;

    if (g_hash_table_contains(link->running, &header->sequence)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "REQUEST with sequence %" G_GUINT64_FORMAT
                    ", which is running", header->sequence);
        return false;
    }
    request = request_new(header, payload, link_answer, link);
    g_hash_table_insert(link->running,
                        (gpointer)&request_header(request)->sequence,
                        request);
    if (link->draining) {
        reply_init(&reply, request_capacity(request));
        reply_error(&reply, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE,
                    "the mediator ends");
        request_reply(request, &reply);
    } else {
        dispatch_request(link->dispatch, link->vm, link->context,
                         link->hello.pool, link->hello.priority, request);
    }
    return true;
}

/* The device was reset: nothing of what came from it before is wanted. */
static void link_reset(Link *link)
{
    g_hash_table_remove_all(link->running);
    if (link->queue != NULL) {
        link_queue_reset(link->queue);
    }
    dispatch_context_end(link->dispatch, link->context);
    link->context = dispatch_context_new(link->dispatch, link->vm);
}

static bool link_check_empty(const WireHeader *header, const char *name,
                             GError **error)
{
    if (header->length != 0) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "%s with a payload of %u bytes", name, header->length);
        return false;
    }
    return true;
}

/* A message that this device does not send */
static bool link_unexpected(const WireHeader *header, GError **error)
{
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                "message of type %u, which a device does not send here",
                header->type);
    return false;
}

bool link_message(gpointer opaque, const WireHeader *header,
                         const uint8_t *payload, GError **error)
{
    Link *link = opaque;

    if (!link->greeted) {
        return link_greet(link, header, payload, error);
    }
    if (link_queue_has_type(header->type)) {
        return link->queue != NULL
               ? link_queue_message(link->queue, header, payload, error)
               : link_unexpected(header, error);
    }
    switch (header->type) {
    case VGPU_STUB_MSG_REQUEST:
        return link_accept_request(link, header, payload, error);
    case VGPU_STUB_MSG_CANCEL:
        if (!link_check_empty(header, "CANCEL", error)) {
            return false;
        }
        g_hash_table_remove(link->running, &header->sequence);
        return true;
    case VGPU_STUB_MSG_RESET:
        if (!link_check_empty(header, "RESET", error)) {
            return false;
        }
        link_reset(link);
        return true;
    case VGPU_STUB_MSG_PING:
        channel_answer(link->channel, header, VGPU_STUB_MSG_PONG,
                       VGPU_STUB_ERR_NONE, payload, header->length);
        return true;
    case VGPU_STUB_MSG_HELLO:
    case VGPU_STUB_MSG_WELCOME:
    case VGPU_STUB_MSG_REJECT:
    case VGPU_STUB_MSG_RESPONSE:
        return link_unexpected(header, error);
    default:
        /* A PONG, or what a newer device knows. */
        return true;
    }
}
