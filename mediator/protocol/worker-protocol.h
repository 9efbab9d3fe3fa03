/*
 * The messages between the mediator and its workers
 *
 * The framing is that of the device <-> mediator protocol,
 * include/vgpu-stub-wire.h, over a socket pair that is the worker's stdin. A
 * worker serves one context, or none yet.
 *
 *   HELLO     worker -> mediator, once, without payload: it takes requests
 *   LIMITS    mediator -> worker: a struct worker_limits, for the requests that
 *             follow. Before the first request, and when it is another.
 *   REQUEST   mediator -> worker: a mailbox's request. header.request_id is the
 *             number of the request; 1, 2, 3 …
 *   RESPONSE  worker -> mediator: the answer, with the number of the request.
 *             header.status is its status; the payload is what the guest gets.
 *   ARENA     mediator -> worker, once, before the first request of a queue's
 *             context: a struct vgpu_stub_wire_arena. The descriptor of the
 *             memory comes with it.
 *   QREQUEST  mediator -> worker: a queue's request, which is in the arena: a
 *             struct vgpu_stub_wire_qrequest, checked. header.request_id as with
 *             REQUEST.
 *   QRESPONSE worker -> mediator: the answer, which is in the arena: a struct
 *             vgpu_stub_wire_qresponse. The rest as with RESPONSE.
 *   MEMORY    worker -> mediator: a struct worker_memory. What is freed is told
 *             before the answer to the request that freed it.
 *   GRANT     mediator -> worker, the answer to a MEMORY that wants some: a
 *             struct worker_grant. header.status is NONE, or OUT_OF_MEMORY. Until
 *             it comes, requests may come and wait.
 *
 * Requests come before those before them have been answered; they are executed
 * and answered in their order. Nothing else is sent. The end of the stream tells
 * the worker to exit.
 *
 * A worker on another host has a gate there, vgpu-gate, which speaks for it over
 * whatever stream has started it. The same is said, with these differences:
 *
 *   HELLO     has a struct worker_hello: the place
 *   OWNER     mediator -> gate, once, before anything that is about the context: a
 *             struct worker_owner and the VM's name, up to WORKER_OWNER_MAX bytes,
 *             for the log there and for nothing else
 *   ARENA     comes without a descriptor: the gate makes one of the same places
 *   DATA      in both directions: a struct worker_data, and the bytes that are
 *             there in the other side's arena from now on. What a request or an
 *             answer consists of comes before it.
 *   QREQUEST  header.status is WORKER_TELL where CAME is to follow: it has bulk, or
 *             what has is before it
 *   CAME      gate -> mediator: the QREQUEST header.request_id is there, with its
 *             bytes
 *   COMPUTED  gate -> mediator: the QREQUEST header.request_id has been executed;
 *             bytes, its own or others', are sent before its answer
 *   RESPONSE, QRESPONSE   header.sequence is how long it took there, in µs
 *   PING      mediator -> gate, every WORKER_PING_S from HELLO on
 *   PONG      gate -> mediator, the same: it does not wait for a PING, which may
 *             be behind much else. Who has heard nothing for WORKER_SILENCE_S
 *             ends.
 *   GONE      gate -> mediator, the last one: the worker has ended by itself. The
 *             payload, up to WORKER_GONE_MAX bytes, says how.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_PROTOCOL_H
#define MEDIATOR_WORKER_PROTOCOL_H

#include "wire.h"

/* Types that the device <-> mediator protocol does not have */
#define WORKER_MSG_LIMITS   0x100
#define WORKER_MSG_MEMORY   0x101
#define WORKER_MSG_GRANT    0x102
#define WORKER_MSG_DATA     0x103
#define WORKER_MSG_GONE     0x104
#define WORKER_MSG_OWNER    0x105
#define WORKER_MSG_CAME     0x106
#define WORKER_MSG_COMPUTED 0x107

/*
 * What the VM may. All fields are little-endian, here and below; memory is in
 * bytes, multiples of WORKER_MEMORY_GRANULE but for the quota.
 */
struct worker_limits {
    uint64_t memory;            /* that its workers may have, all together */
    uint64_t others;            /* that its other workers have, and keep */
    uint32_t flags;             /* WORKER_LIMITS_…, others 0 */
    uint32_t reserved;          /* 0 */
};
VGPU_STUB_ASSERT(sizeof(struct worker_limits) == 24);

/* Programs of its own are allowed. */
#define WORKER_LIMITS_GUEST_KERNELS (1u << 0)

/* What each allocation counts in */
#define WORKER_MEMORY_GRANULE 4096

struct worker_memory {
    uint64_t held;              /* not more than it was granted */
    uint64_t wanted;            /* on top of that; 0: none */
};
VGPU_STUB_ASSERT(sizeof(struct worker_memory) == 16);

struct worker_grant {
    uint64_t left;              /* to the VM, if that was too little */
    uint64_t quota;             /* of the VM */
};
VGPU_STUB_ASSERT(sizeof(struct worker_grant) == 16);

/* --- Over a stream --- */

/* Of what a gate says; another one is refused. */
#define WORKER_STREAM_VERSION 3

#define WORKER_PLACE_SIZE 64

struct worker_hello {
    uint32_t version;           /* WORKER_STREAM_VERSION */
    uint32_t reserved;          /* 0 */
    /* Its host's name: letters, digits, '.', '-' and '_', then NULs */
    char place[WORKER_PLACE_SIZE];
};
VGPU_STUB_ASSERT(sizeof(struct worker_hello) == 72);

struct worker_owner {
    uint64_t context;           /* as the mediator counts them */
};
VGPU_STUB_ASSERT(sizeof(struct worker_owner) == 8);

#define WORKER_TELL 1

/* Bytes of a VM's name; what is longer is cut off. */
#define WORKER_OWNER_MAX 200

struct worker_data {
    uint64_t offset;            /* in the arena */
};
VGPU_STUB_ASSERT(sizeof(struct worker_data) == 8);

/* Bytes of an arena that one DATA has, at most; at least one */
#define WORKER_DATA_MAX 32768

#define WORKER_GONE_MAX 400

/* Seconds */
#define WORKER_PING_S 3
#define WORKER_SILENCE_S 15

#endif /* MEDIATOR_WORKER_PROTOCOL_H */
