/*
 * The link to one device: a socket path that is connected over and over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "link.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "link-queue.h"
#include "protocol/channel.h"
#include "vms/identity.h"

struct Link {
    struct sockaddr_un address;
    Vms *vms;
    Dispatch *dispatch;
    Identity *identity;
    Vm *vm;                     /* NULL while nobody listens */
    bool expected;              /* it is worth a line when nobody does */

    Channel *channel;           /* NULL while there is no connection */
    gint64 connected_at;        /* monotonic, µs */
    bool greeted;               /* `hello` has come and was accepted */
    WireHello hello;
    uint64_t context;           /* the device's, since its last reset */
    GHashTable *running;        /* sequence → Request, abandoned on removal */
    LinkQueue *queue;           /* NULL: the device has none */
    bool draining;              /* new requests are refused … */
    bool shut;                  /* … and none is taken any more */

    unsigned attempts;          /* since the last connection that lasted */
    bool complained;            /* that there is no connection to be had */
    char *refusal;              /* why the last connection ended, if it did
                                 * before there was a device; else NULL */
    bool final;                 /* there is no connection after this one */
    gint64 answered_at;         /* monotonic, µs: since when no request of a
                                 * draining link runs; 0 while one does */
    guint timer;                /* to the next attempt, or while connected,
                                 * to the end of the wait for HELLO */
};

/* Log a line about the connection of a device that is known. */
static void link_log_device(const Link *link, GLogLevelFlags level,
                            const char *what)
{
    const char *path = link->address.sun_path;
    const WireHello *hello = &link->hello;
    const char pool[] = { hello->pool, '\0' };
    const char *priority = priority_names[hello->priority];
    g_autofree char *vm_id = g_strdup_printf("%u", hello->vm_id);
    g_autofree char *id = g_strndup(hello->device_id,
                                    sizeof(hello->device_id));
    /* The peer chose it: no line breaks or escape sequences in the log. */
    g_autofree char *device = g_strescape(id, NULL);

    g_log_structured(G_LOG_DOMAIN, level, "VGPU_SOCKET", path,
                     "VGPU_VM", link->identity->vm, "VGPU_VM_ID", vm_id,
                     "VGPU_POOL", pool, "VGPU_PRIORITY", priority,
                     "VGPU_DEVICE", device,
                     "MESSAGE", "%s: vm %s, pool %s, priority %s, "
                     "device \"%s\": %s", path, vm_id, pool, priority,
                     device, what);
}

/* Log a line about this link. */
static void link_log(const Link *link, GLogLevelFlags level, const char *what)
{
    const char *path = link->address.sun_path;

    if (link->greeted) {
        link_log_device(link, level, what);
    } else {
        g_log_structured(G_LOG_DOMAIN, level, "VGPU_SOCKET", path,
                         "VGPU_VM", link->identity->vm,
                         "MESSAGE", "%s: %s", path, what);
    }
}

static void link_clear_timer(Link *link)
{
    if (link->timer != 0) {
        g_source_remove(link->timer);
        link->timer = 0;
    }
}

static void link_connect(Link *link);

static gboolean link_next_attempt(gpointer opaque)
{
    Link *link = opaque;

    link->timer = 0;
    link_connect(link);
    return G_SOURCE_REMOVE;
}

/*
 * Schedule the next attempt, if there is to be one; returns the delay until then
 * in ms.
 */
static guint link_connect_later(Link *link)
{
    guint delay = MIN(LINK_RETRY_MIN_MS << link->attempts,
                      LINK_RETRY_MAX_MS);

    if (link->final) {
        return 0;
    }
    if (delay < LINK_RETRY_MAX_MS) {
        link->attempts++;
    }
    link->timer = g_timeout_add(delay, link_next_attempt, link);
    return delay;
}

/* End the connection, if there is one. */
static void link_disconnect(Link *link)
{
    g_clear_pointer(&link->channel, channel_free);
    g_hash_table_remove_all(link->running);
    g_clear_pointer(&link->queue, link_queue_free);
    if (link->greeted) {
        dispatch_context_end(link->dispatch, link->context);
        dispatch_vm_disconnected(link->dispatch, link->vm);
    }
    link->greeted = false;
}

static void link_closed(gpointer opaque, const GError *error)
{
    Link *link = opaque;
    g_autofree char *what = NULL;
    GLogLevelFlags level = G_LOG_LEVEL_WARNING;

    if (g_error_matches(error, WIRE_ERROR, WIRE_ERROR_VIOLATION)) {
        what = g_strdup_printf("closed, protocol violation: %s",
                               error->message);
    } else if (g_error_matches(error, WIRE_ERROR, WIRE_ERROR_REJECTED)) {
        what = g_strdup_printf("rejected: %s", error->message);
    } else {
        what = g_strdup_printf("disconnected: %s", error->message);
        level = G_LOG_LEVEL_MESSAGE;
    }
    /* A device that stays as it is is no news each time that it is tried. */
    if (link->greeted || g_strcmp0(what, link->refusal) != 0) {
        link_log(link, level, what);
    }
    g_free(link->refusal);
    link->refusal = link->greeted ? NULL : g_steal_pointer(&what);

    link_disconnect(link);
    link_clear_timer(link);

    if (g_get_monotonic_time() - link->connected_at >=
        LINK_RETRY_MAX_MS * G_TIME_SPAN_MILLISECOND) {
        link->attempts = 0;
    }
    link_connect_later(link);
}

static gboolean link_hello_overdue(gpointer opaque)
{
    Link *link = opaque;
    g_autoptr(GError) error =
        g_error_new(WIRE_ERROR, WIRE_ERROR_VIOLATION, "no HELLO within %d s",
                    LINK_HELLO_TIMEOUT_MS / 1000);

    link->timer = 0;
    link_closed(link, error);
    return G_SOURCE_REMOVE;
}

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

static bool link_message(gpointer opaque, const WireHeader *header,
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

/* Somebody listens at the socket: the VM is there. */
static void link_take_vm(Link *link)
{
    if (link->vm == NULL) {
        link->vm = vms_device_there(link->vms, link->identity);
    }
}

static void link_connect_failed(Link *link, int code)
{
    g_autofree char *what =
        g_strdup_printf("cannot connect: %s; will go on trying",
                        g_strerror(code));
    /* A QEMU that was killed leaves the socket's file. */
    const bool nobody = code == ECONNREFUSED || code == ENOENT;
    guint delay = link_connect_later(link);

    if (nobody) {
        link_lost(link);
    } else {
        link_take_vm(link);
    }
    /* Short troubles are a VM's normal start and end. */
    if (delay == LINK_RETRY_MAX_MS && !link->complained &&
        (!nobody || link->expected)) {
        link_log(link, G_LOG_LEVEL_WARNING, what);
        link->complained = true;
    }
}

static void link_connect(Link *link)
{
    static const ChannelHandlers handlers = {
        .message = link_message,
        .closed = link_closed,
    };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        link_connect_failed(link, errno);
        return;
    }
    if (connect(fd, (const struct sockaddr *)&link->address,
                sizeof(link->address)) < 0) {
        link_connect_failed(link, errno);
        close(fd);
        return;
    }
    link_take_vm(link);
    link->complained = false;
    link->connected_at = g_get_monotonic_time();
    link->channel = channel_new(fd, &handlers, link);
    link->timer = g_timeout_add(LINK_HELLO_TIMEOUT_MS, link_hello_overdue,
                                link);
}

Link *link_new(const char *path, bool expected, Vms *vms,
               Dispatch *dispatch, GError **error)
{
    size_t length = strlen(path);
    Link *link;

    if (length == 0 || length >= sizeof(link->address.sun_path)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                    "socket path '%s' has %zu bytes, 1 to %zu are allowed",
                    path, length, sizeof(link->address.sun_path) - 1);
        return NULL;
    }
    link = g_new0(Link, 1);
    link->address.sun_family = AF_UNIX;
    memcpy(link->address.sun_path, path, length);
    link->vms = vms;
    link->dispatch = dispatch;
    link->identity = identity_of_socket(path);
    link->expected = expected;
    link->running = g_hash_table_new_full(
        g_int64_hash, g_int64_equal, NULL,
        (GDestroyNotify)request_abandon);
    link_connect(link);
    return link;
}

void link_free(Link *link)
{
    link_clear_timer(link);
    link_disconnect(link);
    g_hash_table_unref(link->running);
    if (link->vm != NULL) {
        vm_device_gone(link->vm, link->identity);
    }
    identity_free(link->identity);
    g_free(link->refusal);
    g_free(link);
}

void link_lost(Link *link)
{
    if (link->vm != NULL) {
        vm_device_lost(link->vm, link->identity);
        link->vm = NULL;
    }
}

void link_detach(Link *link)
{
    link_log(link, G_LOG_LEVEL_WARNING, "another QEMU listens at this path "
             "now, and the one before will remove it when it ends; no "
             "connection can be made there then");
    link->final = true;
}

void link_drain(Link *link)
{
    link->final = true;
    if (link->queue != NULL) {
        /*
         * It goes on to send while it has requests here; were nothing taken any
         * more, it would give them up.
         */
        link->draining = true;
        link_queue_drain(link->queue);
    } else if (link->greeted) {
        channel_drain(link->channel);
    } else {
        link_clear_timer(link);
        link_disconnect(link);
    }
}

/* Requests that are still to be answered */
static unsigned link_running(const Link *link)
{
    return g_hash_table_size(link->running) +
           (link->queue != NULL ? link_queue_running(link->queue) : 0);
}

/* Whether a device has not taken its last answers for too long */
static bool link_stalls(Link *link)
{
    const gint64 now = g_get_monotonic_time();

    if (link_running(link) > 0) {
        link->answered_at = 0;
    } else if (link->answered_at == 0) {
        link->answered_at = now;
    }
    return link->answered_at != 0 &&
           now - link->answered_at >= LINK_STALL_MS * G_TIME_SPAN_MILLISECOND;
}

bool link_drained(Link *link)
{
    const char *why;

    if (link->channel == NULL) {
        return true;
    }
    if (link->draining && !link->shut && link_running(link) == 0) {
        link->shut = true;
        channel_drain(link->channel);
    }
    if (channel_drained(link->channel) && link_running(link) == 0) {
        why = "closed, all is answered";
    } else if (link_stalls(link)) {
        why = "closed, it does not take its answers";
    } else {
        return false;
    }
    link_log(link, G_LOG_LEVEL_MESSAGE, why);
    link_disconnect(link);
    return true;
}

bool link_connected(const Link *link)
{
    return link->channel != NULL;
}

void link_retry(Link *link)
{
    link->attempts = 0;
    if (!link_connected(link) && !link->final) {
        link_clear_timer(link);
        link_connect(link);
    }
}
