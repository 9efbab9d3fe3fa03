/*
 * vgpu-stub: an entry, one submission of the DMA queue's on its way
 *
 * The guest is hostile: what is in its memory is copied once, and the copy is
 * what is checked and used. So is the mediator: an answer's lengths were
 * checked by who took it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "entry.h"

#define ENTRY_BULK \
    (VGPU_STUB_SUBMIT_BULK_FROM_GUEST | VGPU_STUB_SUBMIT_BULK_TO_GUEST)
#define ENTRY_FLAGS \
    (ENTRY_BULK | VGPU_STUB_SUBMIT_CANCEL | VGPU_STUB_SUBMIT_CLOSE | \
     VGPU_STUB_SUBMIT_WAITS)

VgpuStubEntry *vgpu_stub_entry_new(const struct vgpu_stub_submission *s)
{
    VgpuStubEntry *entry = g_new0(VgpuStubEntry, 1);

    entry->submission = *s;
    entry->completion.user_data = s->user_data;
    entry->place = -1;
    entry->part = VGPU_STUB_ENTRY_NOTHING;
    return entry;
}

void vgpu_stub_entry_free(VgpuStubEntry *entry)
{
    g_free(entry->segments);
    g_free(entry);
}

/* A cancel and a close: all that they do not use is 0. */
static bool entry_is_bare(const struct vgpu_stub_submission *s)
{
    return (s->flags == VGPU_STUB_SUBMIT_CANCEL ||
            (s->flags == VGPU_STUB_SUBMIT_CLOSE && !s->request)) &&
           !s->response && !s->segments && !s->request_length &&
           !s->response_capacity && !s->segment_count && !s->order;
}

static bool entry_flags_fit(const struct vgpu_stub_submission *s)
{
    uint32_t bulk = s->flags & ENTRY_BULK;

    return !(s->flags & ~ENTRY_FLAGS) && bulk != ENTRY_BULK &&
           !(bulk && (s->flags & VGPU_STUB_SUBMIT_WAITS));
}

uint32_t vgpu_stub_entry_check(const VgpuStubEntry *entry)
{
    const struct vgpu_stub_submission *s = &entry->submission;

    if (s->reserved || !entry_flags_fit(s)) {
        return VGPU_STUB_ERR_INVALID_REQUEST;
    }
    if (s->flags & (VGPU_STUB_SUBMIT_CANCEL | VGPU_STUB_SUBMIT_CLOSE)) {
        return entry_is_bare(s) ? VGPU_STUB_ERR_NONE
                                : VGPU_STUB_ERR_INVALID_REQUEST;
    }
    if (!s->request_length ||
        s->response_capacity < sizeof(struct vgpu_stub_response) ||
        !s->segment_count != !(s->flags & ENTRY_BULK)) {
        return VGPU_STUB_ERR_INVALID_LENGTH;
    }
    if (s->request_length > VGPU_STUB_QUEUE_REQUEST_MAX ||
        s->response_capacity > VGPU_STUB_QUEUE_RESPONSE_MAX ||
        s->segment_count > VGPU_STUB_QUEUE_SEGMENTS_MAX) {
        return VGPU_STUB_ERR_REQUEST_TOO_LARGE;
    }
    return VGPU_STUB_ERR_NONE;
}

bool vgpu_stub_entry_is_small(const VgpuStubEntry *entry)
{
    const struct vgpu_stub_submission *s = &entry->submission;

    return s->request_length <= VGPU_STUB_ARENA_SMALL_REQUEST &&
           s->response_capacity <= VGPU_STUB_ARENA_SMALL_RESPONSE &&
           !s->segment_count;
}

/* The next part to copy: @length bytes at one address of the guest. */
static void entry_copy_whole(VgpuStubEntry *entry, VgpuStubEntryPart part,
                             uint64_t address, uint8_t *host, uint32_t length)
{
    entry->part = part;
    entry->whole.address = address;
    entry->whole.length = length;
    entry->copy = (VgpuStubCopy) {
        .segment = &entry->whole,
        .left = length,
        .host = host,
        .to_guest = part == VGPU_STUB_ENTRY_RESPONSE,
    };
}

static void entry_copy_bulk(VgpuStubEntry *entry, const VgpuStubArena *arena,
                            uint32_t length, bool to_guest)
{
    entry->part = VGPU_STUB_ENTRY_BULK;
    entry->copy = (VgpuStubCopy) {
        .segment = entry->segments,
        .left = length,
        .host = vgpu_stub_arena_bulk(arena, entry->place),
        .to_guest = to_guest,
    };
}

static size_t entry_segments_size(const VgpuStubEntry *entry)
{
    return entry->submission.segment_count * sizeof(struct vgpu_stub_segment);
}

/* They were copied: their sum is the length of the bulk. */
static uint32_t entry_check_segments(VgpuStubEntry *entry)
{
    struct vgpu_stub_segment *segment = entry->segments;
    uint64_t length = 0;
    uint32_t i;

    for (i = 0; i < entry->submission.segment_count; i++, segment++) {
        segment->address = le64_to_cpu(segment->address);
        segment->length = le32_to_cpu(segment->length);
        if (segment->reserved) {
            return VGPU_STUB_ERR_INVALID_REQUEST;
        }
        if (!segment->length) {
            return VGPU_STUB_ERR_INVALID_LENGTH;
        }
        length += segment->length;
    }
    if (length > VGPU_STUB_QUEUE_TRANSFER_MAX) {
        return VGPU_STUB_ERR_REQUEST_TOO_LARGE;
    }
    entry->bulk_length = length;
    return VGPU_STUB_ERR_NONE;
}

/* Where the answer is to go must be memory before anything is executed. */
static uint32_t entry_check_answer(const VgpuStubEntry *entry,
                                   PCIDevice *pci_dev)
{
    const struct vgpu_stub_submission *s = &entry->submission;
    const struct vgpu_stub_segment *segment = entry->segments;
    uint32_t i;

    if (!vgpu_stub_dma_is_memory(pci_dev, s->response, s->response_capacity)) {
        return VGPU_STUB_ERR_INVALID_REQUEST;
    }
    if (s->flags & VGPU_STUB_SUBMIT_BULK_TO_GUEST) {
        for (i = 0; i < s->segment_count; i++, segment++) {
            if (!vgpu_stub_dma_is_memory(pci_dev, segment->address,
                                         segment->length)) {
                return VGPU_STUB_ERR_INVALID_REQUEST;
            }
        }
    }
    return VGPU_STUB_ERR_NONE;
}

/* A part is copied, which one may be the next? Returns an ERROR_CODE. */
static uint32_t entry_next_in(VgpuStubEntry *entry, const VgpuStubArena *arena,
                              PCIDevice *pci_dev)
{
    const struct vgpu_stub_submission *s = &entry->submission;
    uint32_t status;

    if (entry->part == VGPU_STUB_ENTRY_REQUEST && s->segment_count) {
        entry->segments = g_malloc(entry_segments_size(entry));
        entry_copy_whole(entry, VGPU_STUB_ENTRY_SEGMENTS, s->segments,
                         (uint8_t *)entry->segments,
                         entry_segments_size(entry));
        return VGPU_STUB_ERR_NONE;
    }
    if (entry->part == VGPU_STUB_ENTRY_SEGMENTS) {
        status = entry_check_segments(entry);
        if (status) {
            return status;
        }
        if (s->flags & VGPU_STUB_SUBMIT_BULK_FROM_GUEST) {
            entry_copy_bulk(entry, arena, entry->bulk_length, false);
            return VGPU_STUB_ERR_NONE;
        }
    }
    entry->part = VGPU_STUB_ENTRY_NOTHING;
    return entry_check_answer(entry, pci_dev);
}

VgpuStubCopyResult vgpu_stub_entry_copy_in(VgpuStubEntry *entry,
                                           const VgpuStubArena *arena,
                                           PCIDevice *pci_dev,
                                           int64_t deadline)
{
    const struct vgpu_stub_submission *s = &entry->submission;
    VgpuStubCopyResult result;

    if (entry->part == VGPU_STUB_ENTRY_NOTHING) {
        entry_copy_whole(entry, VGPU_STUB_ENTRY_REQUEST, s->request,
                         vgpu_stub_arena_request(arena, entry->place),
                         s->request_length);
    }
    for (;;) {
        result = vgpu_stub_copy(pci_dev, &entry->copy, deadline);
        if (result == VGPU_STUB_COPY_FAILED) {
            entry->completion.status = VGPU_STUB_ERR_INVALID_REQUEST;
        }
        if (result != VGPU_STUB_COPY_DONE) {
            return result;
        }
        entry->completion.status = entry_next_in(entry, arena, pci_dev);
        if (entry->completion.status) {
            return VGPU_STUB_COPY_FAILED;
        }
        if (entry->part == VGPU_STUB_ENTRY_NOTHING) {
            return VGPU_STUB_COPY_DONE;
        }
        if (vgpu_stub_expired(deadline)) {
            return VGPU_STUB_COPY_AGAIN;
        }
    }
}

/* What does not reach the guest was not moved. */
static void entry_copy_out_failed(VgpuStubEntry *entry)
{
    struct vgpu_stub_completion *c = &entry->completion;

    c->status = VGPU_STUB_ERR_INVALID_REQUEST;
    if (entry->part == VGPU_STUB_ENTRY_RESPONSE) {
        c->response_length = 0;
        c->bulk_moved = 0;
    } else {
        c->bulk_moved -= entry->copy.left;
    }
}

VgpuStubCopyResult vgpu_stub_entry_copy_out(VgpuStubEntry *entry,
                                            const VgpuStubArena *arena,
                                            PCIDevice *pci_dev,
                                            int64_t deadline)
{
    const struct vgpu_stub_submission *s = &entry->submission;
    const struct vgpu_stub_completion *c = &entry->completion;
    bool bulk = s->flags & VGPU_STUB_SUBMIT_BULK_TO_GUEST;
    VgpuStubCopyResult result;

    if (entry->part == VGPU_STUB_ENTRY_NOTHING) {
        entry_copy_whole(entry, VGPU_STUB_ENTRY_RESPONSE, s->response,
                         vgpu_stub_arena_response(arena, entry->place),
                         c->response_length);
    }
    for (;;) {
        result = vgpu_stub_copy(pci_dev, &entry->copy, deadline);
        if (result == VGPU_STUB_COPY_FAILED) {
            entry_copy_out_failed(entry);
        }
        if (result != VGPU_STUB_COPY_DONE ||
            entry->part == VGPU_STUB_ENTRY_BULK || !bulk || !c->bulk_moved) {
            return result;
        }
        entry_copy_bulk(entry, arena, c->bulk_moved, true);
        if (vgpu_stub_expired(deadline)) {
            return VGPU_STUB_COPY_AGAIN;
        }
    }
}
