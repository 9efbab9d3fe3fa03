/*
 * vgpu-stub: an entry, one submission of the DMA queue's on its way
 *
 * It waits in its context, is copied into a place of the arena and sent, is
 * answered, and its answer is copied to the guest. Whatever its end, it has one
 * completion.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_ENTRY_H
#define VGPU_STUB_ENTRY_H

#include "qemu/queue.h"
#include "arena.h"
#include "dma.h"

struct VgpuStubContext;

/* What vgpu_stub_copy() is about */
typedef enum VgpuStubEntryPart {
    VGPU_STUB_ENTRY_REQUEST,
    VGPU_STUB_ENTRY_SEGMENTS,
    VGPU_STUB_ENTRY_BULK,
    VGPU_STUB_ENTRY_RESPONSE,
    VGPU_STUB_ENTRY_NOTHING,
} VgpuStubEntryPart;

typedef struct VgpuStubEntry VgpuStubEntry;
struct VgpuStubEntry {
    struct vgpu_stub_submission submission;     /* host byte order */
    struct vgpu_stub_completion completion;     /* host byte order */
    struct VgpuStubContext *context;    /* NULL: of none */
    QTAILQ_ENTRY(VgpuStubEntry) next;   /* in the list that it is in */
    VgpuStubEntry *older, *newer;   /* of its order, those that wait */
    uint64_t sequence;              /* of its QREQUEST; 0: not sent */
    int place;                      /* in the arena; -1: none */
    uint32_t bulk_length;           /* bytes */
    bool cancel_due;                /* a QCANCEL is to be sent */
    bool cancelled;                 /* a QCANCEL was sent, or is due */
    struct vgpu_stub_segment *segments;     /* a copy, host byte order */
    struct vgpu_stub_segment whole;     /* of what is not in segments */
    VgpuStubEntryPart part;
    VgpuStubCopy copy;
};

typedef QTAILQ_HEAD(VgpuStubEntries, VgpuStubEntry) VgpuStubEntries;

/* The submission, host byte order, is copied. */
VgpuStubEntry *vgpu_stub_entry_new(const struct vgpu_stub_submission *s);
void vgpu_stub_entry_free(VgpuStubEntry *entry);

/* May it be executed? Returns an ERROR_CODE; no memory is looked at. */
uint32_t vgpu_stub_entry_check(const VgpuStubEntry *entry);

/* Does it fit into a small place of an arena? */
bool vgpu_stub_entry_is_small(const VgpuStubEntry *entry);

/*
 * Copy what is to be sent into entry->place. VGPU_STUB_COPY_FAILED: its
 * completion.status says why.
 */
VgpuStubCopyResult vgpu_stub_entry_copy_in(VgpuStubEntry *entry,
                                           const VgpuStubArena *arena,
                                           PCIDevice *pci_dev,
                                           int64_t deadline);

/* Copy the answer, which completion describes: it says what failed then. */
VgpuStubCopyResult vgpu_stub_entry_copy_out(VgpuStubEntry *entry,
                                            const VgpuStubArena *arena,
                                            PCIDevice *pci_dev,
                                            int64_t deadline);

#endif /* VGPU_STUB_ENTRY_H */
