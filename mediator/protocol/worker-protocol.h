/*
 * The messages between the mediator and its workers
 *
 * The layouts and the framing are those of the device <-> mediator protocol,
 * include/vgpu-stub-wire.h, over a socket pair that is the worker's stdin.
 *
 *   HELLO     worker -> mediator, once, without payload: it takes requests
 *   REQUEST   mediator -> worker: a struct worker_limits and a guest's request.
 *             The next one comes after the answer. header.sequence is the context, header.request_id
 *             the number of the request.
 *   RESPONSE  worker -> mediator: the answer, with the number of the request.
 *             header.status is its status, header.flags are WORKER_…; the
 *             payload is what the guest gets.
 *   RESET     mediator -> worker, at any time: the context header.sequence has
 *             ended, its memory is to be freed. The worker sends the same
 *             back when it has done so, with header.flags.
 *
 * A context is what one device of the VM has on the accelerator since its last
 * reset; memory belongs to the context in which it was allocated. Its number
 * is never used again.
 *
 * Nothing else is sent. The end of the stream tells the worker to exit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_PROTOCOL_H
#define MEDIATOR_WORKER_PROTOCOL_H

#include "wire.h"

/*
 * What the VM may while the request is executed, and what can be different for
 * the next one. All fields are little-endian.
 */
struct worker_limits {
    uint64_t memory;            /* bytes that it may have allocated */
    uint32_t flags;             /* WORKER_LIMITS_…, others 0 */
    uint32_t reserved;          /* 0 */
};
VGPU_STUB_ASSERT(sizeof(struct worker_limits) == 16);

/* Programs of its own are allowed. */
#define WORKER_LIMITS_GUEST_KERNELS (1u << 0)

/* The worker has memory of its VM, which would be lost with it. */
#define WORKER_HOLDS_MEMORY (1u << 0)

#endif /* MEDIATOR_WORKER_PROTOCOL_H */
