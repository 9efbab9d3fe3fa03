/*
 * vgpu-stub: all contexts of the DMA queue, between the guest and the mediator
 *
 * The guest is hostile, so what it can have is bounded: entries by the ring,
 * contexts here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "contexts.h"
#include "compat.h"

void vgpu_stub_contexts_init(VgpuStubContexts *contexts, PCIDevice *pci_dev,
                             VgpuStubLink *link)
{
    contexts->pci_dev = pci_dev;
    contexts->link = link;
    QTAILQ_INIT(&contexts->all);
    QTAILQ_INIT(&contexts->answered);
    QTAILQ_INIT(&contexts->done);
}

/* The guest's number; an orphan has none. */
static VgpuStubContext *contexts_find(VgpuStubContexts *contexts,
                                      uint32_t number)
{
    VgpuStubContext *context;

    QTAILQ_FOREACH(context, &contexts->all, next) {
        if (context->number == number && !context->orphan) {
            return context;
        }
    }
    return NULL;
}

VgpuStubContext *vgpu_stub_contexts_find_id(VgpuStubContexts *contexts,
                                         uint64_t id)
{
    VgpuStubContext *context;

    QTAILQ_FOREACH(context, &contexts->all, next) {
        if (context->id == id) {
            return context;
        }
    }
    return NULL;
}

static VgpuStubContext *contexts_add(VgpuStubContexts *contexts,
                                     uint32_t number)
{
    VgpuStubContext *context =
        vgpu_stub_context_new(number,
                              vgpu_stub_link_next_sequence(contexts->link));

    trace_vgpu_stub_context_new(contexts, number, context->id);
    QTAILQ_INSERT_TAIL(&contexts->all, context, next);
    contexts->known++;
    return context;
}

void vgpu_stub_contexts_remove(VgpuStubContexts *contexts,
                            VgpuStubContext *context)
{
    trace_vgpu_stub_context_gone(contexts, context->number, context->id);
    QTAILQ_REMOVE(&contexts->all, context, next);
    if (context->orphan) {
        contexts->orphans--;
    } else {
        contexts->known--;
    }
    vgpu_stub_context_free(context);
}

/* Submissions */

void vgpu_stub_contexts_end(VgpuStubContexts *contexts, VgpuStubEntry *entry,
                         uint32_t status)
{
    entry->completion.status = status;
    QTAILQ_INSERT_TAIL(&contexts->done, entry, next);
}

void vgpu_stub_contexts_finish_close(VgpuStubContexts *contexts,
                                  VgpuStubContext *context)
{
    vgpu_stub_context_end_sent(context, VGPU_STUB_ERR_CANCELLED,
                               &contexts->done);
    QTAILQ_INSERT_TAIL(&contexts->answered, context->closer, next);
}

static void contexts_begin_close(VgpuStubContexts *contexts,
                                 VgpuStubContext *context, VgpuStubEntry *entry)
{
    vgpu_stub_context_end_waiting(context, VGPU_STUB_ERR_CANCELLED,
                                  &contexts->done);
    context->state = VGPU_STUB_CONTEXT_CLOSING;
    context->closer = entry;
    entry->context = context;
    if (context->announced) {
        context->close_due = true;
    } else {
        vgpu_stub_contexts_finish_close(contexts, context);
    }
}

/* Where a request of the context goes; NULL: it ends with *@status. */
static VgpuStubContext *contexts_for(VgpuStubContexts *contexts,
                                     VgpuStubContext *context,
                                     const VgpuStubEntry *entry,
                                     uint32_t *status)
{
    if (!context) {
        if (!vgpu_stub_link_serves_queue(contexts->link)) {
            *status = VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE;
            return NULL;
        }
        if (contexts->known == VGPU_STUB_QUEUE_CONTEXTS_MAX ||
            contexts->orphans == VGPU_STUB_QUEUE_CONTEXTS_MAX) {
            *status = VGPU_STUB_ERR_QUEUE_FULL;
            return NULL;
        }
        return contexts_add(contexts, entry->submission.context);
    }
    if (context->state == VGPU_STUB_CONTEXT_ENDED) {
        *status = context->status;
        return NULL;
    }
    if ((entry->submission.flags & VGPU_STUB_SUBMIT_WAITS) &&
        context->waits == VGPU_STUB_QUEUE_WAITS_MAX) {
        *status = VGPU_STUB_ERR_QUEUE_FULL;
        return NULL;
    }
    return context;
}

static void contexts_submit_request(VgpuStubContexts *contexts,
                                    VgpuStubContext *context,
                                    VgpuStubEntry *entry)
{
    uint32_t status = VGPU_STUB_ERR_NONE;

    context = contexts_for(contexts, context, entry, &status);
    if (context) {
        vgpu_stub_context_add(context, entry);
    } else {
        vgpu_stub_contexts_end(contexts, entry, status);
    }
}

void vgpu_stub_contexts_submit(VgpuStubContexts *contexts,
                               const struct vgpu_stub_submission *submission)
{
    VgpuStubEntry *entry = vgpu_stub_entry_new(submission);
    uint32_t status = vgpu_stub_entry_check(entry);
    VgpuStubContext *context = contexts_find(contexts, submission->context);

    trace_vgpu_stub_queue_submission(contexts, submission->user_data,
                                     submission->context, submission->order,
                                     submission->flags, status);
    if (status) {
        vgpu_stub_contexts_end(contexts, entry, status);
    } else if (context && context->closer) {
        vgpu_stub_contexts_end(contexts, entry, VGPU_STUB_ERR_INVALID_REQUEST);
    } else if (submission->flags & VGPU_STUB_SUBMIT_CANCEL) {
        if (context) {
            vgpu_stub_context_cancel(context, submission->request,
                                     &contexts->done);
        }
        vgpu_stub_contexts_end(contexts, entry, VGPU_STUB_ERR_NONE);
    } else if (!(submission->flags & VGPU_STUB_SUBMIT_CLOSE)) {
        contexts_submit_request(contexts, context, entry);
    } else if (context) {
        contexts_begin_close(contexts, context, entry);
    } else {
        vgpu_stub_contexts_end(contexts, entry, VGPU_STUB_ERR_NONE);
    }
}

/* The end of everything */

static void contexts_drop(VgpuStubEntries *entries)
{
    VgpuStubEntry *entry;

    while ((entry = QTAILQ_FIRST(entries))) {
        QTAILQ_REMOVE(entries, entry, next);
        vgpu_stub_entry_free(entry);
    }
}

static void contexts_drop_entries(VgpuStubContexts *contexts)
{
    VgpuStubContext *context;

    QTAILQ_FOREACH(context, &contexts->all, next) {
        if (context->closer && context->announced) {
            vgpu_stub_entry_free(context->closer); /* it is in no list */
        }
        vgpu_stub_context_drop(context);
    }
    contexts_drop(&contexts->answered);
    contexts_drop(&contexts->done);
}

static void contexts_orphan(VgpuStubContexts *contexts,
                            VgpuStubContext *context)
{
    context->orphan = true;
    contexts->known--;
    contexts->orphans++;
    if (context->state != VGPU_STUB_CONTEXT_CLOSING) {
        context->state = VGPU_STUB_CONTEXT_CLOSING;
        context->close_due = true;
    }
}

void vgpu_stub_contexts_close(VgpuStubContexts *contexts)
{
    VgpuStubContext *context, *following;

    contexts_drop_entries(contexts);
    QTAILQ_FOREACH_SAFE(context, &contexts->all, next, following) {
        if (!context->announced) {
            vgpu_stub_contexts_remove(contexts, context);
        } else if (!context->orphan) {
            contexts_orphan(contexts, context);
        }
    }
}

void vgpu_stub_contexts_forget(VgpuStubContexts *contexts)
{
    VgpuStubContext *context, *following;

    contexts_drop_entries(contexts);
    QTAILQ_FOREACH_SAFE(context, &contexts->all, next, following) {
        vgpu_stub_contexts_remove(contexts, context);
    }
}

bool vgpu_stub_contexts_trim(VgpuStubContexts *contexts, int64_t deadline,
                             bool *more)
{
    VgpuStubContext *context;

    QTAILQ_FOREACH(context, &contexts->all, next) {
        if (!vgpu_stub_arena_trim(&context->arena, deadline)) {
            return false;
        }
    }
    *more = false;
    QTAILQ_FOREACH(context, &contexts->all, next) {
        *more |= vgpu_stub_arena_age(&context->arena);
    }
    return true;
}
