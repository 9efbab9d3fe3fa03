/*
 * The queue of a link's device: contexts and requests in their arenas
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "link-queue.h"

#include <errno.h>

struct LinkQueue {
    Channel *channel;
    Dispatch *dispatch;
    Vm *vm;
    uint8_t pool;               /* as HELLO says … */
    uint8_t priority;           /* … both */
    GHashTable *contexts;       /* LinkContext, by the device's numbers */
    GHashTable *running;        /* sequence → Request, abandoned on removal */
    unsigned open;              /* contexts that the device has not closed */
    bool draining;
};

typedef struct LinkContext {
    LinkQueue *queue;
    uint64_t number;            /* the device's */
    Context *context;           /* NULL: it was refused without one */
    Arena *arena;               /* NULL until it is served */
    uint8_t *taken;             /* by place: is there a request? */
    bool closed;
} LinkContext;

static bool violation(GError **error, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static bool violation(GError **error, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, WIRE_ERROR, WIRE_ERROR_VIOLATION, what);
    return false;
}

static void link_context_free(gpointer opaque)
{
    LinkContext *context = opaque;

    g_free(context->taken);
    g_free(context);
}

LinkQueue *link_queue_new(Channel *channel, Dispatch *dispatch, Vm *vm,
                          const WireHello *hello)
{
    LinkQueue *queue = g_new0(LinkQueue, 1);

    queue->channel = channel;
    queue->dispatch = dispatch;
    queue->vm = vm;
    queue->pool = hello->pool;
    queue->priority = hello->priority;
    queue->contexts = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                            link_context_free);
    queue->running = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                           (GDestroyNotify)request_abandon);
    dispatch_vm_has_queue(dispatch, vm, queue->pool);
    return queue;
}

void link_queue_reset(LinkQueue *queue)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_remove_all(queue->running);
    g_hash_table_iter_init(&iter, queue->contexts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LinkContext *context = value;

        if (context->context != NULL) {
            context_abandon(context->context);
        }
    }
    g_hash_table_remove_all(queue->contexts);
    queue->open = 0;
}

void link_queue_free(LinkQueue *queue)
{
    link_queue_reset(queue);
    g_hash_table_unref(queue->contexts);
    g_hash_table_unref(queue->running);
    g_free(queue);
}

void link_queue_drain(LinkQueue *queue)
{
    queue->draining = true;
}

unsigned link_queue_running(const LinkQueue *queue)
{
    return g_hash_table_size(queue->running);
}

/* --- What the device hears --- */

static void link_context_send(const LinkContext *context, uint16_t type,
                              uint32_t status)
{
    const struct vgpu_stub_wire_context payload =
        wire_context(context->number);
    const WireHeader header = {
        .type = type,
        .length = sizeof(payload),
        .sequence = context->number,
        .status = status,
    };

    channel_send(context->queue->channel, &header, &payload);
}

static void link_context_served(gpointer opaque, Arena *arena)
{
    LinkContext *context = opaque;
    const struct vgpu_stub_wire_arena payload =
        wire_arena(context->number, arena_small(arena), arena_large(arena));
    const WireHeader header = {
        .type = VGPU_STUB_MSG_ARENA,
        .length = sizeof(payload),
        .sequence = context->number,
    };
    const int fd = arena_open(arena);

    if (fd < 0) {
        g_warning("vm %s: a context is refused: no descriptor for its "
                  "arena: %s", vm_name(context->queue->vm),
                  g_strerror(errno));
        link_context_send(context, VGPU_STUB_MSG_REFUSED,
                          VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
        return;
    }
    context->arena = arena;
    context->taken = g_new0(uint8_t, arena_small(arena) +
                                     arena_large(arena));
    channel_send_fd(context->queue->channel, &header, &payload, fd);
}

static void link_context_refused(gpointer opaque, uint32_t status)
{
    link_context_send(opaque, VGPU_STUB_MSG_REFUSED, status);
}

static void link_context_closed(gpointer opaque)
{
    const LinkContext *context = opaque;

    link_context_send(context, VGPU_STUB_MSG_CLOSED, VGPU_STUB_ERR_NONE);
    g_hash_table_remove(context->queue->contexts, &context->number);
}

/* The RequestAnswer of a context's requests; it may be closed, not gone. */
static void link_context_answer(gpointer opaque, const WireHeader *header,
                                uint32_t status, const void *payload,
                                size_t length)
{
    LinkContext *context = opaque;
    LinkQueue *queue = context->queue;
    const Request *request = g_hash_table_lookup(queue->running,
                                                 &header->sequence);

    context->taken[request_queued(request)->place] = false;
    g_hash_table_remove(queue->running, &header->sequence);
    channel_answer_soon(queue->channel, header, VGPU_STUB_MSG_QRESPONSE,
                        status, payload, length);
}

/* --- What the device says --- */

/* The context that a message called @name is about, as long as it is open */
static LinkContext *find_open(LinkQueue *queue, const char *name,
                              uint64_t number, GError **error)
{
    LinkContext *context = g_hash_table_lookup(queue->contexts, &number);

    if (context == NULL || context->closed) {
        violation(error, "%s of context %" G_GUINT64_FORMAT ", which is %s",
                  name, (guint64)number,
                  context == NULL ? "not there" : "closed");
        return NULL;
    }
    return context;
}

/* A message whose sequence is its context */
static bool decode_own(const char *name, const WireHeader *header,
                       const uint8_t *payload, uint64_t *number,
                       GError **error)
{
    if (!wire_decode_context(name, payload, header->length, number, error)) {
        return false;
    }
    return header->sequence == *number ||
           violation(error, "%s of context %" G_GUINT64_FORMAT " with "
                     "sequence %" G_GUINT64_FORMAT, name, (guint64)*number,
                     (guint64)header->sequence);
}

static bool take_context_open(LinkQueue *queue, const WireHeader *header,
                              const uint8_t *payload, GError **error)
{
    static const ContextHandlers handlers = {
        .served = link_context_served,
        .refused = link_context_refused,
        .closed = link_context_closed,
    };
    LinkContext *context;
    uint64_t number;

    if (!decode_own("CONTEXT_OPEN", header, payload, &number, error)) {
        return false;
    }
    if (g_hash_table_contains(queue->contexts, &number)) {
        return violation(error, "CONTEXT_OPEN of context %" G_GUINT64_FORMAT
                         ", which is there", (guint64)number);
    }
    if (queue->open == VGPU_STUB_QUEUE_CONTEXTS_MAX) {
        return violation(error, "CONTEXT_OPEN, although %u contexts are open",
                         queue->open);
    }
    queue->open++;
    context = g_new0(LinkContext, 1);
    context->queue = queue;
    context->number = number;
    g_hash_table_insert(queue->contexts, &context->number, context);
    if (queue->draining) {
        link_context_refused(context, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
        return true;
    }
    context->context = dispatch_context_open(queue->dispatch, queue->vm,
                                             queue->pool, &handlers, context);
    return true;
}

static bool take_context_close(LinkQueue *queue, const WireHeader *header,
                               const uint8_t *payload, GError **error)
{
    LinkContext *context;
    uint64_t number;

    if (!decode_own("CONTEXT_CLOSE", header, payload, &number, error)) {
        return false;
    }
    context = find_open(queue, "CONTEXT_CLOSE", number, error);
    if (context == NULL) {
        return false;
    }
    context->closed = true;
    queue->open--;
    if (context->context != NULL) {
        context_close(context->context);
    } else {
        link_context_closed(context);
    }
    return true;
}

/* Whether @queued may come now, with the sequence of @header */
static bool check_request(const LinkContext *context,
                          const WireHeader *header,
                          const WireQrequest *queued, GError **error)
{
    if (context->arena == NULL) {
        return violation(error, "QREQUEST of context %" G_GUINT64_FORMAT
                         ", which is not served", (guint64)context->number);
    }
    if (!arena_check(context->arena, queued, error)) {
        g_prefix_error(error, "QREQUEST: ");
        return false;
    }
    if (context->taken[queued->place]) {
        return violation(error, "QREQUEST in place %u, which has one",
                         queued->place);
    }
    if (g_hash_table_contains(context->queue->running, &header->sequence)) {
        return violation(error, "QREQUEST with sequence %" G_GUINT64_FORMAT
                         ", which is running", (guint64)header->sequence);
    }
    return true;
}

static void refuse_request(Request *request)
{
    Reply reply;

    reply_init(&reply, request_capacity(request));
    reply_error(&reply, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE,
                "the mediator ends");
    request_reply(request, &reply);
}

static bool take_request(LinkQueue *queue, const WireHeader *header,
                         const uint8_t *payload, GError **error)
{
    LinkContext *context;
    WireQrequest queued;
    Request *request;

    if (!wire_decode_qrequest(payload, header->length, &queued, error)) {
        return false;
    }
    context = find_open(queue, "QREQUEST", queued.context, error);
    if (context == NULL || !check_request(context, header, &queued, error)) {
        return false;
    }
    request = request_new_queued(header, context->arena, &queued,
                                 link_context_answer, context);
    context->taken[queued.place] = true;
    g_hash_table_insert(queue->running,
                        (gpointer)&request_header(request)->sequence,
                        request);
    if (queue->draining) {
        refuse_request(request);
    } else {
        context_add(context->context, queue->priority, request);
    }
    return true;
}

static bool take_cancel(LinkQueue *queue, const WireHeader *header,
                        const uint8_t *payload, GError **error)
{
    Request *request = g_hash_table_lookup(queue->running,
                                           &header->sequence);
    uint64_t number;

    if (!wire_decode_context("QCANCEL", payload, header->length, &number,
                             error) ||
        find_open(queue, "QCANCEL", number, error) == NULL) {
        return false;
    }
    if (request != NULL && request_queued(request)->context != number) {
        return violation(error, "QCANCEL with context %" G_GUINT64_FORMAT
                         " of a request of context %" G_GUINT64_FORMAT,
                         (guint64)number,
                         (guint64)request_queued(request)->context);
    }
    if (request != NULL) {
        request_cancel(request);
    }
    return true;
}

bool link_queue_has_type(uint16_t type)
{
    return type >= VGPU_STUB_MSG_CONTEXT_OPEN &&
           type <= VGPU_STUB_MSG_QCANCEL;
}

bool link_queue_message(LinkQueue *queue, const WireHeader *header,
                        const uint8_t *payload, GError **error)
{
    switch (header->type) {
    case VGPU_STUB_MSG_CONTEXT_OPEN:
        return take_context_open(queue, header, payload, error);
    case VGPU_STUB_MSG_CONTEXT_CLOSE:
        return take_context_close(queue, header, payload, error);
    case VGPU_STUB_MSG_QREQUEST:
        return take_request(queue, header, payload, error);
    case VGPU_STUB_MSG_QCANCEL:
        return take_cancel(queue, header, payload, error);
    default:
        return violation(error, "message of type %u, which a device does not "
                         "send", header->type);
    }
}
