/*
 * vgpu-stub: all contexts of the DMA queue, between the guest and the mediator
 *
 * A context is announced to the mediator when its first submission comes, and
 * closed by the guest. docs/queue.md and docs/wire-protocol.md are the
 * specifications.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_CONTEXTS_H
#define VGPU_STUB_CONTEXTS_H

#include "context.h"
#include "link.h"

typedef struct VgpuStubContexts {
    PCIDevice *pci_dev;
    VgpuStubLink *link;
    QTAILQ_HEAD(, VgpuStubContext) all;
    unsigned known;             /* those that the guest knows */
    unsigned orphans;           /* the others, until they are closed */
    VgpuStubEntries answered;   /* to be copied to the guest */
    VgpuStubEntries done;       /* to be completed; for the owner to take */
} VgpuStubContexts;

void vgpu_stub_contexts_init(VgpuStubContexts *contexts, PCIDevice *pci_dev,
                             VgpuStubLink *link);

/*
 * A submission, host byte order, which is copied. It ends in contexts->done,
 * sooner or later, or is dropped with all others.
 */
void vgpu_stub_contexts_submit(VgpuStubContexts *contexts,
                               const struct vgpu_stub_submission *submission);

/*
 * Copy answers to the guest, or requests to the mediator. Return false when the
 * time was up: there may be more to copy.
 */
bool vgpu_stub_contexts_answer(VgpuStubContexts *contexts, int64_t deadline);
bool vgpu_stub_contexts_send(VgpuStubContexts *contexts, int64_t deadline);

/* Send what is no request: openings, cancels and closings. */
void vgpu_stub_contexts_tell(VgpuStubContexts *contexts);

/* Drop all entries, without a completion, and close all contexts. */
void vgpu_stub_contexts_close(VgpuStubContexts *contexts);

/* Neither the guest nor the mediator knows of any of it any more. */
void vgpu_stub_contexts_forget(VgpuStubContexts *contexts);

/*
 * Give memory of the arenas back that was not used since the last call that
 * returned true. Returns false when the time was up: go on soon; else *@more
 * says whether there is more to give back later.
 */
bool vgpu_stub_contexts_trim(VgpuStubContexts *contexts, int64_t deadline,
                             bool *more);

/*
 * What the mediator says, host byte order. They return NULL, or what is wrong
 * with it. The descriptor becomes the context's.
 */
const char *vgpu_stub_contexts_arena(VgpuStubContexts *contexts, int fd,
                                     const struct vgpu_stub_wire_arena *arena);
const char *vgpu_stub_contexts_refused(VgpuStubContexts *contexts,
                                       uint64_t id, uint32_t status);
const char *vgpu_stub_contexts_closed(VgpuStubContexts *contexts, uint64_t id);
const char *vgpu_stub_contexts_response(
    VgpuStubContexts *contexts, uint64_t sequence, uint32_t status,
    const struct vgpu_stub_wire_qresponse *response);

/* The link is gone, and with it all that the contexts had. */
void vgpu_stub_contexts_lost(VgpuStubContexts *contexts);

/* Between the contexts' own files */

/* By the mediator's name for it; NULL: there is none. */
VgpuStubContext *vgpu_stub_contexts_find_id(VgpuStubContexts *contexts,
                                            uint64_t id);

/* With the entries in it; nobody knows of it any more. */
void vgpu_stub_contexts_remove(VgpuStubContexts *contexts,
                               VgpuStubContext *context);

/* An entry that is in no list ends with this ERROR_CODE. */
void vgpu_stub_contexts_end(VgpuStubContexts *contexts, VgpuStubEntry *entry,
                            uint32_t status);

/* Nothing is left of it but what is to be copied; its CLOSE ends after that. */
void vgpu_stub_contexts_finish_close(VgpuStubContexts *contexts,
                                     VgpuStubContext *context);

#endif /* VGPU_STUB_CONTEXTS_H */
