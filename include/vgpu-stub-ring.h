/*
 * vgpu-stub: the ring of the DMA queue, in the guest's memory
 *
 * docs/queue.md is the specification, a test compares the two. One contiguous
 * piece of memory, aligned to VGPU_STUB_QUEUE_RING_ALIGN:
 *
 *   0                    struct vgpu_stub_ring_driver    the driver writes
 *   64                   struct vgpu_stub_ring_device    the device writes
 *   128                  ENTRIES submissions             the driver writes
 *   128 + 64 * ENTRIES   ENTRIES completions             the device writes
 *
 * Tails are free-running counts of 32 bits: entry number n is at the index
 * n modulo ENTRIES.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later OR MIT
 */
#ifndef VGPU_STUB_RING_H
#define VGPU_STUB_RING_H

#include "vgpu-stub-regs.h"

struct vgpu_stub_ring_driver {
    uint32_t sq_tail;           /* submissions so far */
    uint32_t cq_event;          /* interrupt when cq_tail passes this */
};

struct vgpu_stub_ring_device {
    uint32_t sq_event;          /* ring the doorbell when sq_tail passes this */
    uint32_t cq_tail;           /* completions so far */
};

struct vgpu_stub_submission {
    uint64_t user_data;         /* the driver's; its completion carries it */
    uint64_t request;           /* address; SUBMIT_CANCEL: the target's
                                 * user_data */
    uint64_t response;          /* address */
    uint64_t segments;          /* address of the bulk's segments */
    uint32_t request_length;    /* bytes */
    uint32_t response_capacity; /* bytes */
    uint32_t segment_count;
    uint32_t flags;             /* VGPU_STUB_SUBMIT_… */
    uint32_t context;
    uint32_t order;
    uint64_t reserved;          /* 0 */
};

struct vgpu_stub_completion {
    uint64_t user_data;
    uint64_t bulk_moved;        /* bytes */
    uint32_t status;            /* VGPU_STUB_ERR_… */
    uint32_t response_length;   /* bytes */
    uint64_t reserved;          /* 0 */
};

struct vgpu_stub_segment {
    uint64_t address;
    uint32_t length;            /* bytes, not 0 */
    uint32_t reserved;          /* 0 */
};

/* Flags of a submission; others are refused */
#define VGPU_STUB_SUBMIT_BULK_FROM_GUEST    (1u << 0)
#define VGPU_STUB_SUBMIT_BULK_TO_GUEST      (1u << 1)
#define VGPU_STUB_SUBMIT_CANCEL             (1u << 2)
#define VGPU_STUB_SUBMIT_CLOSE              (1u << 3)   /* the context */
#define VGPU_STUB_SUBMIT_WAITS              (1u << 4)   /* for another side */

#define VGPU_STUB_RING_DRIVER               0
#define VGPU_STUB_RING_DEVICE               64
#define VGPU_STUB_RING_SUBMISSIONS          128
#define VGPU_STUB_RING_COMPLETIONS(entries) \
    (VGPU_STUB_RING_SUBMISSIONS + \
     (entries) * sizeof(struct vgpu_stub_submission))
/* Bytes */
#define VGPU_STUB_RING_SIZE(entries) \
    (VGPU_STUB_RING_COMPLETIONS(entries) + \
     (entries) * sizeof(struct vgpu_stub_completion))

/*
 * Must the other side be told? It wants to be when a tail passes @event; that
 * has gone from @before to @now.
 */
static inline int vgpu_stub_ring_passed(uint32_t event, uint32_t before,
                                        uint32_t now)
{
    return (uint32_t)(now - event - 1) < (uint32_t)(now - before);
}

VGPU_STUB_FIELD(vgpu_stub_ring_driver, sq_tail, 0);
VGPU_STUB_FIELD(vgpu_stub_ring_driver, cq_event, 4);
VGPU_STUB_FIELD(vgpu_stub_ring_device, sq_event, 0);
VGPU_STUB_FIELD(vgpu_stub_ring_device, cq_tail, 4);

VGPU_STUB_FIELD(vgpu_stub_submission, user_data, 0);
VGPU_STUB_FIELD(vgpu_stub_submission, request, 8);
VGPU_STUB_FIELD(vgpu_stub_submission, response, 16);
VGPU_STUB_FIELD(vgpu_stub_submission, segments, 24);
VGPU_STUB_FIELD(vgpu_stub_submission, request_length, 32);
VGPU_STUB_FIELD(vgpu_stub_submission, response_capacity, 36);
VGPU_STUB_FIELD(vgpu_stub_submission, segment_count, 40);
VGPU_STUB_FIELD(vgpu_stub_submission, flags, 44);
VGPU_STUB_FIELD(vgpu_stub_submission, context, 48);
VGPU_STUB_FIELD(vgpu_stub_submission, order, 52);
VGPU_STUB_FIELD(vgpu_stub_submission, reserved, 56);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_submission) == 64);

VGPU_STUB_FIELD(vgpu_stub_completion, user_data, 0);
VGPU_STUB_FIELD(vgpu_stub_completion, bulk_moved, 8);
VGPU_STUB_FIELD(vgpu_stub_completion, status, 16);
VGPU_STUB_FIELD(vgpu_stub_completion, response_length, 20);
VGPU_STUB_FIELD(vgpu_stub_completion, reserved, 24);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_completion) == 32);

VGPU_STUB_FIELD(vgpu_stub_segment, address, 0);
VGPU_STUB_FIELD(vgpu_stub_segment, length, 8);
VGPU_STUB_FIELD(vgpu_stub_segment, reserved, 12);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_segment) == 16);

#endif /* VGPU_STUB_RING_H */
