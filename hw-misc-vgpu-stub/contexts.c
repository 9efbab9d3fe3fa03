/*
 * vgpu-stub: all contexts of the DMA queue, between the guest and the mediator
 *
 * The guest is hostile, so what it can have is bounded: entries by the ring,
 * contexts here. The mediator is not trusted either: what it says of something
 * that is not there any more is dropped, since it may be late, and what cannot
 * be is told to the link, which ends.
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

static VgpuStubContext *contexts_find_id(VgpuStubContexts *contexts,
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

static void contexts_remove(VgpuStubContexts *contexts,
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

static void contexts_end(VgpuStubContexts *contexts, VgpuStubEntry *entry,
                         uint32_t status)
{
    entry->completion.status = status;
    QTAILQ_INSERT_TAIL(&contexts->done, entry, next);
}

/* Nothing is left of it but what is to be copied: CLOSE comes after that. */
static void contexts_finish_close(VgpuStubContexts *contexts,
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
        contexts_finish_close(contexts, context);
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
        contexts_end(contexts, entry, status);
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
        contexts_end(contexts, entry, status);
    } else if (context && context->closer) {
        contexts_end(contexts, entry, VGPU_STUB_ERR_INVALID_REQUEST);
    } else if (submission->flags & VGPU_STUB_SUBMIT_CANCEL) {
        if (context) {
            vgpu_stub_context_cancel(context, submission->request,
                                     &contexts->done);
        }
        contexts_end(contexts, entry, VGPU_STUB_ERR_NONE);
    } else if (!(submission->flags & VGPU_STUB_SUBMIT_CLOSE)) {
        contexts_submit_request(contexts, context, entry);
    } else if (context) {
        contexts_begin_close(contexts, context, entry);
    } else {
        contexts_end(contexts, entry, VGPU_STUB_ERR_NONE);
    }
}

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
            contexts_remove(contexts, context);
            contexts_end(contexts, entry, VGPU_STUB_ERR_NONE);
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

/* From the mediator */

const char *vgpu_stub_contexts_arena(VgpuStubContexts *contexts, int fd,
                                     const struct vgpu_stub_wire_arena *arena)
{
    VgpuStubContext *context = contexts_find_id(contexts, arena->context);
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
    if (!wrong) {
        context->state = VGPU_STUB_CONTEXT_OPEN;
    }
    return wrong;
}

const char *vgpu_stub_contexts_refused(VgpuStubContexts *contexts,
                                       uint64_t id, uint32_t status)
{
    VgpuStubContext *context = contexts_find_id(contexts, id);

    if (!context || context->state == VGPU_STUB_CONTEXT_CLOSING) {
        return NULL; /* late */
    }
    if (context->state == VGPU_STUB_CONTEXT_ENDED || !context->announced) {
        return "REFUSED of a context that is not there";
    }
    context->state = VGPU_STUB_CONTEXT_ENDED;
    context->status = status;
    vgpu_stub_context_end_waiting(context, status, &contexts->done);
    vgpu_stub_context_settle(context);
    return NULL;
}

const char *vgpu_stub_contexts_closed(VgpuStubContexts *contexts, uint64_t id)
{
    VgpuStubContext *context = contexts_find_id(contexts, id);

    if (!context) {
        return NULL; /* late: it was reset */
    }
    if (context->state != VGPU_STUB_CONTEXT_CLOSING || context->close_due) {
        return "CLOSED of a context that is not closed";
    }
    if (context->orphan) {
        contexts_remove(contexts, context);
    } else if (context->announced) {
        context->announced = false;
        contexts_finish_close(contexts, context);
    }
    return NULL;
}

const char *vgpu_stub_contexts_response(
    VgpuStubContexts *contexts, uint64_t sequence, uint32_t status,
    const struct vgpu_stub_wire_qresponse *response)
{
    VgpuStubContext *context = contexts_find_id(contexts, response->context);
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
        contexts_remove(contexts, context);
    } else if (closing && context->announced) {
        context->announced = context->close_due = false;
        contexts_finish_close(contexts, context);
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
            contexts_remove(contexts, context);
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
        contexts_remove(contexts, context);
    }
}

bool vgpu_stub_contexts_trim(VgpuStubContexts *contexts)
{
    VgpuStubContext *context;
    bool more = false;

    QTAILQ_FOREACH(context, &contexts->all, next) {
        more |= vgpu_stub_arena_trim(&context->arena);
    }
    return more;
}
