/*
 * vgpu-stub: a context of the DMA queue, and the entries in it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "context.h"

VgpuStubContext *vgpu_stub_context_new(uint32_t number, uint64_t id)
{
    VgpuStubContext *context = g_new0(VgpuStubContext, 1);

    context->number = number;
    context->id = id;
    QTAILQ_INIT(&context->waiting);
    QTAILQ_INIT(&context->sent);
    return context;
}

static void context_free_entries(VgpuStubEntries *entries)
{
    VgpuStubEntry *entry;

    while ((entry = QTAILQ_FIRST(entries))) {
        QTAILQ_REMOVE(entries, entry, next);
        vgpu_stub_entry_free(entry);
    }
}

void vgpu_stub_context_drop(VgpuStubContext *context)
{
    context_free_entries(&context->waiting);
    context_free_entries(&context->sent);
    context->begun[false] = context->begun[true] = NULL;
    context->waits = 0;
    context->cancels_due = 0;
    context->answers = 0;
    context->closer = NULL;
    vgpu_stub_arena_close(&context->arena);
}

void vgpu_stub_context_free(VgpuStubContext *context)
{
    vgpu_stub_context_drop(context);
    g_free(context);
}

static bool entry_waits(const VgpuStubEntry *entry)
{
    return entry->submission.flags & VGPU_STUB_SUBMIT_WAITS;
}

void vgpu_stub_context_add(VgpuStubContext *context, VgpuStubEntry *entry)
{
    VgpuStubEntry *older;

    QTAILQ_FOREACH_REVERSE(older, &context->waiting, next) {
        if (older->submission.order == entry->submission.order) {
            break;
        }
    }
    if (older) {
        entry->older = older;
        older->newer = entry;
    }
    entry->context = context;
    context->waits += entry_waits(entry);
    QTAILQ_INSERT_TAIL(&context->waiting, entry, next);
}

/* A place of the right size; false: there is none. */
static bool context_begin(VgpuStubContext *context, VgpuStubEntry *entry,
                          bool large)
{
    entry->place = vgpu_stub_arena_take(&context->arena, large);
    if (entry->place < 0) {
        return false;
    }
    context->begun[large] = entry;
    return true;
}

/*
 * Within an order the oldest has its turn, among the orders the oldest of each
 * size, unless another one has begun: it has a place, which may be the last
 * one. What is small is quickly copied, so it does not wait for what is not.
 */
VgpuStubEntry *vgpu_stub_context_next(VgpuStubContext *context)
{
    VgpuStubEntry *entry;
    VgpuStubEntry *large = context->begun[true];

    if (context->begun[false]) {
        return context->begun[false];
    }
    QTAILQ_FOREACH(entry, &context->waiting, next) {
        if (entry->older) {
            continue;
        }
        if (!context->arena.small || !vgpu_stub_entry_is_small(entry)) {
            large = large ? large : entry;
        } else if (context_begin(context, entry, false)) {
            return entry;
        } else {
            break; /* the other small ones wait for it */
        }
    }
    for (; entry && !large; entry = QTAILQ_NEXT(entry, next)) {
        if (!entry->older && !vgpu_stub_entry_is_small(entry)) {
            large = entry;
        }
    }
    return large && (large == context->begun[true] ||
                     context_begin(context, large, true)) ? large : NULL;
}

static void context_leave_waiting(VgpuStubContext *context,
                                  VgpuStubEntry *entry)
{
    bool large = entry == context->begun[true];

    if (entry->older) {
        entry->older->newer = entry->newer;
    }
    if (entry->newer) {
        entry->newer->older = entry->older;
    }
    entry->older = entry->newer = NULL;
    if (entry == context->begun[large]) {
        context->begun[large] = NULL;
    }
    QTAILQ_REMOVE(&context->waiting, entry, next);
}

static void context_leave_sent(VgpuStubContext *context, VgpuStubEntry *entry)
{
    context->cancels_due -= entry->cancel_due;
    entry->cancel_due = false;
    QTAILQ_REMOVE(&context->sent, entry, next);
}

void vgpu_stub_context_sent(VgpuStubContext *context, VgpuStubEntry *entry,
                            uint64_t sequence)
{
    context_leave_waiting(context, entry);
    entry->sequence = sequence;
    QTAILQ_INSERT_TAIL(&context->sent, entry, next);
}

VgpuStubEntry *vgpu_stub_context_find_sent(VgpuStubContext *context,
                                           uint64_t sequence)
{
    VgpuStubEntry *entry;

    QTAILQ_FOREACH(entry, &context->sent, next) {
        if (entry->sequence == sequence) {
            return entry;
        }
    }
    return NULL;
}

void vgpu_stub_context_answered(VgpuStubContext *context, VgpuStubEntry *entry,
                                VgpuStubEntries *answered)
{
    context_leave_sent(context, entry);
    context->answers++;
    QTAILQ_INSERT_TAIL(answered, entry, next);
}

/* It is in no list, and its completion is right. */
static void context_end(VgpuStubContext *context, VgpuStubEntry *entry,
                        VgpuStubEntries *done)
{
    if (entry->place >= 0) {
        vgpu_stub_arena_give(&context->arena, entry->place);
    }
    context->waits -= entry_waits(entry);
    entry->context = NULL;
    QTAILQ_INSERT_TAIL(done, entry, next);
}

void vgpu_stub_context_copied(VgpuStubContext *context, VgpuStubEntry *entry,
                              VgpuStubEntries *done)
{
    context->answers--;
    context_end(context, entry, done);
}

void vgpu_stub_context_fail(VgpuStubContext *context, VgpuStubEntry *entry,
                            VgpuStubEntries *done)
{
    context_leave_waiting(context, entry);
    context_end(context, entry, done);
}

void vgpu_stub_context_end_waiting(VgpuStubContext *context, uint32_t status,
                                   VgpuStubEntries *done)
{
    VgpuStubEntry *entry;

    while ((entry = QTAILQ_FIRST(&context->waiting))) {
        entry->completion.status = status;
        vgpu_stub_context_fail(context, entry, done);
    }
}

void vgpu_stub_context_end_sent(VgpuStubContext *context, uint32_t status,
                                VgpuStubEntries *done)
{
    VgpuStubEntry *entry;

    while ((entry = QTAILQ_FIRST(&context->sent))) {
        entry->completion.status = status;
        context_leave_sent(context, entry);
        context_end(context, entry, done);
    }
}

/* user_data is the guest's affair: should several have the same, all are it. */
void vgpu_stub_context_cancel(VgpuStubContext *context, uint64_t user_data,
                              VgpuStubEntries *done)
{
    VgpuStubEntry *entry, *following;

    QTAILQ_FOREACH_SAFE(entry, &context->waiting, next, following) {
        if (entry->submission.user_data == user_data) {
            entry->completion.status = VGPU_STUB_ERR_CANCELLED;
            vgpu_stub_context_fail(context, entry, done);
        }
    }
    QTAILQ_FOREACH(entry, &context->sent, next) {
        if (entry->submission.user_data == user_data && !entry->cancelled) {
            entry->cancelled = entry->cancel_due = true;
            context->cancels_due++;
        }
    }
}

void vgpu_stub_context_settle(VgpuStubContext *context)
{
    if (context->state == VGPU_STUB_CONTEXT_ENDED && !context->answers &&
        QTAILQ_EMPTY(&context->sent)) {
        vgpu_stub_arena_close(&context->arena);
    }
}
