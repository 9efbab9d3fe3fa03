/*
 * vgpu-stub: a context of the DMA queue, and the entries in it
 *
 * A context is what a program of the guest is for the mediator. It has an arena
 * of its own; its entries wait in it until they are sent, and then for their
 * answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_CONTEXT_H
#define VGPU_STUB_CONTEXT_H

#include "entry.h"

typedef enum VgpuStubContextState {
    VGPU_STUB_CONTEXT_OPENING,  /* no answer to its announcement yet */
    VGPU_STUB_CONTEXT_OPEN,     /* it has its arena */
    VGPU_STUB_CONTEXT_ENDED,    /* refused or lost: its status says which */
    VGPU_STUB_CONTEXT_CLOSING,  /* nothing is sent of it but that */
} VgpuStubContextState;

typedef struct VgpuStubContext {
    QTAILQ_ENTRY(VgpuStubContext) next;
    uint32_t number;            /* the guest's name for it */
    uint64_t id;                /* the mediator's */
    VgpuStubContextState state;
    uint32_t status;            /* with which its entries end, once ENDED */
    bool orphan;                /* the guest does not know it any more */
    bool announced;             /* the mediator knows it */
    bool close_due;             /* CONTEXT_CLOSE is to be sent */
    unsigned waits;             /* entries that wait for another side */
    unsigned cancels_due;       /* entries whose QCANCEL is to be sent */
    unsigned answers;           /* entries whose answer is in the arena */
    VgpuStubEntry *closer;      /* the guest's CLOSE */
    VgpuStubArena arena;
    VgpuStubEntries waiting;    /* to be sent, oldest first */
    VgpuStubEntry *begun[2];    /* of them, a small and a large one with a place
                                 * in the arena, maybe half copied */
    VgpuStubEntries sent;       /* not answered yet */
} VgpuStubContext;

VgpuStubContext *vgpu_stub_context_new(uint32_t number, uint64_t id);

/* With the entries that are in it. */
void vgpu_stub_context_free(VgpuStubContext *context);

/* An entry that is to be sent becomes the context's. */
void vgpu_stub_context_add(VgpuStubContext *context, VgpuStubEntry *entry);

/*
 * The entry that is to be copied and sent next, with a place in the arena.
 * NULL: there is none, or no place for it. It waits until it is sent or ends.
 */
VgpuStubEntry *vgpu_stub_context_next(VgpuStubContext *context);

/* The one that waits was sent, under this number. */
void vgpu_stub_context_sent(VgpuStubContext *context, VgpuStubEntry *entry,
                            uint64_t sequence);

/* The one with this number that was sent and not answered, or NULL. */
VgpuStubEntry *vgpu_stub_context_find_sent(VgpuStubContext *context,
                                           uint64_t sequence);

/* The one that was sent is answered: it goes into this list. */
void vgpu_stub_context_answered(VgpuStubContext *context, VgpuStubEntry *entry,
                                VgpuStubEntries *answered);

/* The answer is copied, the entry is in no list: it ends as it says. */
void vgpu_stub_context_copied(VgpuStubContext *context, VgpuStubEntry *entry,
                              VgpuStubEntries *done);

/* The one that waits ends as it says. */
void vgpu_stub_context_fail(VgpuStubContext *context, VgpuStubEntry *entry,
                            VgpuStubEntries *done);

/* All that wait, or all that were sent, end with this ERROR_CODE. */
void vgpu_stub_context_end_waiting(VgpuStubContext *context, uint32_t status,
                                   VgpuStubEntries *done);
void vgpu_stub_context_end_sent(VgpuStubContext *context, uint32_t status,
                                VgpuStubEntries *done);

/*
 * The guest does not want the entry with this user_data, if there is one: what
 * waits ends, for what was sent a QCANCEL is due.
 */
void vgpu_stub_context_cancel(VgpuStubContext *context, uint64_t user_data,
                              VgpuStubEntries *done);

/* No entry, no arena. */
void vgpu_stub_context_drop(VgpuStubContext *context);

/* What has ended lets go of its arena once nothing is to be copied from it. */
void vgpu_stub_context_settle(VgpuStubContext *context);

#endif /* VGPU_STUB_CONTEXT_H */
