/*
 * vgpu-stub: what is copied and sent of the DMA queue's contexts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "contexts.h"

/* To the guest */

bool vgpu_stub_contexts_answer(VgpuStubContexts *contexts, int64_t deadline)
{
    VgpuStubEntry *entry;
    VgpuStubContext *context;

    while ((entry = QTAILQ_FIRST(&contexts->answered))) {
        context = entry->context;
        if (context->closer == entry) {
            QTAILQ_REMOVE(&contexts->answered, entry, next);
            context->closer = NULL;
            vgpu_stub_contexts_remove(contexts, context);
            vgpu_stub_contexts_end(contexts, entry, VGPU_STUB_ERR_NONE);
            continue;
        }
        if (vgpu_stub_entry_copy_out(entry, &context->arena, contexts->pci_dev,
                                     deadline) == VGPU_STUB_COPY_AGAIN) {
            return false;
        }
        QTAILQ_REMOVE(&contexts->answered, entry, next);
        vgpu_stub_context_copied(context, entry, &contexts->done);
        vgpu_stub_context_settle(context);
        if (vgpu_stub_expired(deadline)) {
            return QTAILQ_EMPTY(&contexts->answered);
        }
    }
    return true;
}

/* To the mediator */

static void contexts_send_entry(VgpuStubContexts *contexts,
                                VgpuStubContext *context, VgpuStubEntry *entry)
{
    const struct vgpu_stub_submission *s = &entry->submission;
    const struct vgpu_stub_wire_qrequest request = {
        .context = context->id,
        .order = s->order,
        .place = entry->place,
        .request_length = s->request_length,
        .response_capacity = s->response_capacity,
        .bulk_length = entry->bulk_length,
        .flags = s->flags,
    };

    vgpu_stub_context_sent(context, entry,
                           vgpu_stub_link_next_sequence(contexts->link));
    vgpu_stub_link_add_qrequest(contexts->link, entry->sequence, s->user_data,
                                &request);
}

/*
 * Copy and send one entry. Returns false when the time was up; *@went: there
 * was one.
 */
static bool contexts_send_one(VgpuStubContexts *contexts,
                              VgpuStubContext *context, int64_t deadline,
                              bool *went)
{
    VgpuStubEntry *entry;

    if (context->state != VGPU_STUB_CONTEXT_OPEN ||
        !(entry = vgpu_stub_context_next(context)) ||
        !vgpu_stub_link_queue_room(contexts->link)) {
        return true;
    }
    switch (vgpu_stub_entry_copy_in(entry, &context->arena, contexts->pci_dev,
                                    deadline)) {
    case VGPU_STUB_COPY_AGAIN:
        return false;
    case VGPU_STUB_COPY_FAILED:
        vgpu_stub_context_fail(context, entry, &contexts->done);
        break;
    case VGPU_STUB_COPY_DONE:
        contexts_send_entry(contexts, context, entry);
        break;
    }
    *went = true;
    return !vgpu_stub_expired(deadline);
}

/* Another context is the first one next time. */
static void contexts_rotate(VgpuStubContexts *contexts)
{
    VgpuStubContext *first = QTAILQ_FIRST(&contexts->all);

    if (first) {
        QTAILQ_REMOVE(&contexts->all, first, next);
        QTAILQ_INSERT_TAIL(&contexts->all, first, next);
    }
}

bool vgpu_stub_contexts_send(VgpuStubContexts *contexts, int64_t deadline)
{
    VgpuStubContext *context;
    bool in_time = true;
    bool went;

    do {
        went = false;
        QTAILQ_FOREACH(context, &contexts->all, next) {
            in_time = contexts_send_one(contexts, context, deadline, &went);
            if (!in_time) {
                break;
            }
        }
    } while (went && in_time);
    contexts_rotate(contexts);
    return in_time;
}

static void contexts_tell_cancels(VgpuStubContexts *contexts,
                                  VgpuStubContext *context)
{
    VgpuStubEntry *entry;

    QTAILQ_FOREACH(entry, &context->sent, next) {
        if (!context->cancels_due) {
            return;
        }
        if (entry->cancel_due && vgpu_stub_link_queue_room(contexts->link)) {
            entry->cancel_due = false;
            context->cancels_due--;
            vgpu_stub_link_add_qcancel(contexts->link, entry->sequence,
                                       entry->submission.user_data,
                                       context->id);
        }
    }
}

void vgpu_stub_contexts_tell(VgpuStubContexts *contexts)
{
    VgpuStubContext *context;

    QTAILQ_FOREACH(context, &contexts->all, next) {
        if (context->state == VGPU_STUB_CONTEXT_OPENING &&
            !context->announced &&
            vgpu_stub_link_queue_room(contexts->link)) {
            context->announced = true;
            vgpu_stub_link_add_open(contexts->link, context->id);
        }
        if (context->cancels_due) {
            contexts_tell_cancels(contexts, context);
        }
        if (context->close_due && vgpu_stub_link_queue_room(contexts->link)) {
            context->close_due = false;
            vgpu_stub_link_add_close(contexts->link, context->id);
        }
    }
}
