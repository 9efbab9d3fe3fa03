/*
 * vgpu-stub: what the mediator says of the DMA queue's contexts
 *
 * The mediator is not trusted: what it says of something that is not there any
 * more is dropped, since it may be late, and what cannot be is told to the
 * link, which ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "contexts.h"
#include "compat.h"

static void contexts_end(VgpuStubContexts *contexts, VgpuStubContext *context,
                         uint32_t status)
{
    context->state = VGPU_STUB_CONTEXT_ENDED;
    context->status = status;
    vgpu_stub_context_end_waiting(context, status, &contexts->done);
    vgpu_stub_context_settle(context);
}

const char *vgpu_stub_contexts_arena(VgpuStubContexts *contexts, int fd,
                                     const struct vgpu_stub_wire_arena *arena)
{
    VgpuStubContext *context =
        vgpu_stub_contexts_find_id(contexts, arena->context);
    const char *wrong;

    if (!context || context->state == VGPU_STUB_CONTEXT_CLOSING) {
        close(fd); /* late */
        return NULL;
    }
    if (context->state != VGPU_STUB_CONTEXT_OPENING || !context->announced) {
        close(fd);
        return "ARENA of a context that does not wait for it";
    }
    wrong = vgpu_stub_arena_open(&context->arena, fd, arena);
    if (!wrong && context->arena.base) {
        context->state = VGPU_STUB_CONTEXT_OPEN;
    } else if (!wrong) {
        contexts_end(contexts, context, VGPU_STUB_ERR_OUT_OF_MEMORY);
    }
    return wrong;
}

const char *vgpu_stub_contexts_refused(VgpuStubContexts *contexts,
                                       uint64_t id, uint32_t status)
{
    VgpuStubContext *context = vgpu_stub_contexts_find_id(contexts, id);

    if (!context || context->state == VGPU_STUB_CONTEXT_CLOSING) {
        return NULL; /* late */
    }
    if (context->state == VGPU_STUB_CONTEXT_ENDED || !context->announced) {
        return "REFUSED of a context that is not there";
    }
    contexts_end(contexts, context, status);
    return NULL;
}

const char *vgpu_stub_contexts_closed(VgpuStubContexts *contexts, uint64_t id)
{
    VgpuStubContext *context = vgpu_stub_contexts_find_id(contexts, id);

    if (!context) {
        return NULL; /* late: it was reset */
    }
    if (context->state != VGPU_STUB_CONTEXT_CLOSING || context->close_due) {
        return "CLOSED of a context that is not closed";
    }
    if (context->orphan) {
        vgpu_stub_contexts_remove(contexts, context);
    } else if (context->announced) {
        context->announced = false;
        vgpu_stub_contexts_finish_close(contexts, context);
    }
    return NULL;
}

const char *vgpu_stub_contexts_response(
    VgpuStubContexts *contexts, uint64_t sequence, uint32_t status,
    const struct vgpu_stub_wire_qresponse *response)
{
    VgpuStubContext *context =
        vgpu_stub_contexts_find_id(contexts, response->context);
    VgpuStubEntry *entry =
        context ? vgpu_stub_context_find_sent(context, sequence) : NULL;

    if (!entry) {
        trace_vgpu_stub_queue_late_response(contexts, response->context,
                                            sequence);
        return NULL;
    }
    if (response->response_length > entry->submission.response_capacity) {
        return "response length in QRESPONSE";
    }
    if (response->bulk_moved > entry->bulk_length) {
        return "bulk in QRESPONSE";
    }
    entry->completion.status = status;
    entry->completion.response_length = response->response_length;
    entry->completion.bulk_moved = response->bulk_moved;
    vgpu_stub_context_answered(context, entry, &contexts->answered);
    return NULL;
}

static void contexts_lose(VgpuStubContexts *contexts, VgpuStubContext *context)
{
    bool closing = context->state == VGPU_STUB_CONTEXT_CLOSING;

    if (context->orphan) {
        vgpu_stub_contexts_remove(contexts, context);
    } else if (closing && context->announced) {
        context->announced = context->close_due = false;
        vgpu_stub_contexts_finish_close(contexts, context);
    } else if (!closing) {
        context->announced = false;
        if (context->state != VGPU_STUB_CONTEXT_ENDED) {
            context->state = VGPU_STUB_CONTEXT_ENDED;
            context->status = VGPU_STUB_ERR_CONTEXT_LOST;
        }
        vgpu_stub_context_end_sent(context, VGPU_STUB_ERR_CONTEXT_LOST,
                                   &contexts->done);
        vgpu_stub_context_end_waiting(context, VGPU_STUB_ERR_CONTEXT_LOST,
                                      &contexts->done);
        vgpu_stub_context_settle(context);
    }
}

void vgpu_stub_contexts_lost(VgpuStubContexts *contexts)
{
    VgpuStubContext *context, *following;

    QTAILQ_FOREACH_SAFE(context, &contexts->all, next, following) {
        contexts_lose(contexts, context);
    }
}
