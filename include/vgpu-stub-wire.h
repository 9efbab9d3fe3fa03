/*
 * vgpu-stub: the messages between the device in QEMU and the mediator
 *
 * Device <-> mediator protocol 1.1; docs/wire-protocol.md is the
 * specification. A byte stream of messages, each a header of 32 bytes and
 * `length` bytes of payload, little-endian.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later OR MIT
 */
#ifndef VGPU_STUB_WIRE_H
#define VGPU_STUB_WIRE_H

#include "vgpu-stub-ring.h"

#define VGPU_STUB_WIRE_MAGIC        0x55504756  /* "VGPU" in memory order */
#define VGPU_STUB_WIRE_VERSION      1
#define VGPU_STUB_WIRE_MAX_PAYLOAD  65536

/* protocol_version in HELLO and WELCOME: major << 16 | minor */
#define VGPU_STUB_WIRE_MAILBOX      0x00010000  /* 1.0: the mailbox alone */
#define VGPU_STUB_WIRE_QUEUE        0x00010001  /* 1.1: the DMA queue as well */

/* Message types; a receiver skips those that it does not know */
#define VGPU_STUB_MSG_HELLO         1   /* device -> mediator, the first one */
#define VGPU_STUB_MSG_WELCOME       2   /* mediator -> device */
#define VGPU_STUB_MSG_REJECT        3   /* mediator -> device */
#define VGPU_STUB_MSG_REQUEST       4   /* device -> mediator */
#define VGPU_STUB_MSG_RESPONSE      5   /* mediator -> device */
#define VGPU_STUB_MSG_CANCEL        6   /* device -> mediator */
#define VGPU_STUB_MSG_PING          7   /* either way */
#define VGPU_STUB_MSG_PONG          8   /* either way */
#define VGPU_STUB_MSG_RESET         9   /* device -> mediator */

/* The queue's, after a WELCOME that says 1.1 */
#define VGPU_STUB_MSG_CONTEXT_OPEN  10  /* device -> mediator */
#define VGPU_STUB_MSG_ARENA         11  /* mediator -> device, a descriptor */
#define VGPU_STUB_MSG_REFUSED       12  /* mediator -> device */
#define VGPU_STUB_MSG_CONTEXT_CLOSE 13  /* device -> mediator */
#define VGPU_STUB_MSG_CLOSED        14  /* mediator -> device */
#define VGPU_STUB_MSG_QREQUEST      15  /* device -> mediator */
#define VGPU_STUB_MSG_QRESPONSE     16  /* mediator -> device */
#define VGPU_STUB_MSG_QCANCEL       17  /* device -> mediator */

struct vgpu_stub_wire_header {
    uint32_t magic;         /* VGPU_STUB_WIRE_MAGIC */
    uint16_t version;       /* VGPU_STUB_WIRE_VERSION */
    uint16_t type;          /* VGPU_STUB_MSG_… */
    uint32_t length;        /* payload bytes, <= VGPU_STUB_WIRE_MAX_PAYLOAD */
    uint32_t request_id;    /* the guest's tag, echoed */
    uint64_t sequence;      /* given by the device, never used twice */
    uint32_t status;        /* VGPU_STUB_ERR_… in RESPONSE, REJECT, REFUSED and
                             * QRESPONSE, else 0 */
    uint32_t flags;         /* 0 */
};

struct vgpu_stub_wire_hello {
    uint32_t protocol_version;  /* VGPU_STUB_WIRE_QUEUE or …_MAILBOX */
    uint32_t capabilities;      /* as the register */
    uint32_t vm_id;
    uint8_t pool;               /* VGPU_STUB_POOL_… */
    uint8_t priority;           /* VGPU_STUB_PRIORITY_… */
    uint16_t reserved;          /* 0 */
    uint8_t vm_uuid[16];        /* big-endian, as in the UUID's text */
    char device_id[32];         /* QEMU's id= of the device, NUL-padded */
};

struct vgpu_stub_wire_welcome {
    uint32_t accepted_version;  /* the lower one of HELLO's and its own */
    uint32_t max_payload;       /* >= VGPU_STUB_MAX_REQUEST */
};

/*
 * The payload of the queue's messages: each has 32 bytes. A context is a number
 * that the device gives at CONTEXT_OPEN and never uses again; header.sequence
 * of QREQUEST, its QRESPONSE and its QCANCEL is the request's.
 */

/* CONTEXT_OPEN, REFUSED, CONTEXT_CLOSE, CLOSED and QCANCEL */
struct vgpu_stub_wire_context {
    uint64_t context;
    uint32_t reserved[6];       /* 0 */
};

struct vgpu_stub_wire_arena {
    uint64_t context;
    uint64_t bytes;             /* of the descriptor's memory */
    uint32_t small;             /* places */
    uint32_t large;             /* places */
    uint32_t reserved[2];       /* 0 */
};

struct vgpu_stub_wire_qrequest {
    uint64_t context;
    uint32_t order;
    uint32_t place;             /* in the context's arena */
    uint32_t request_length;    /* bytes, as are the next two */
    uint32_t response_capacity;
    uint32_t bulk_length;       /* to move one way, 0: none */
    uint32_t flags;             /* VGPU_STUB_SUBMIT_BULK_…, …_WAITS */
};

struct vgpu_stub_wire_qresponse {
    uint64_t context;
    uint32_t response_length;   /* bytes */
    uint32_t bulk_moved;        /* bytes */
    uint32_t reserved[4];       /* 0 */
};

/*
 * An arena: memory that the device, the mediator and one worker share. Its
 * places are of two sizes, the small ones first; a place has a part for the
 * request, one for the response and, if it is large, one for bulk, in this
 * order.
 */
#define VGPU_STUB_ARENA_SMALL_REQUEST   0x1000      /* bytes */
#define VGPU_STUB_ARENA_SMALL_RESPONSE  0x1000
#define VGPU_STUB_ARENA_SMALL           0x2000
#define VGPU_STUB_ARENA_LARGE_REQUEST   0x10000
#define VGPU_STUB_ARENA_LARGE_RESPONSE  0x10000
#define VGPU_STUB_ARENA_LARGE_BULK      0x100000
#define VGPU_STUB_ARENA_LARGE           0x120000
#define VGPU_STUB_ARENA_PLACES_MAX      256         /* of each size */

#define VGPU_STUB_ARENA_BYTES(small, large) \
    ((uint64_t)(small) * VGPU_STUB_ARENA_SMALL + \
     (uint64_t)(large) * VGPU_STUB_ARENA_LARGE)

/* Where the place begins, in an arena with @small small places */
#define VGPU_STUB_ARENA_OFFSET(place, small) \
    ((place) < (small) \
     ? (uint64_t)(place) * VGPU_STUB_ARENA_SMALL \
     : VGPU_STUB_ARENA_BYTES(small, (place) - (small)))

#define VGPU_STUB_WIRE_FIELD(type, field, offset) \
    VGPU_STUB_FIELD(vgpu_stub_wire_##type, field, offset)

VGPU_STUB_WIRE_FIELD(header, magic, 0);
VGPU_STUB_WIRE_FIELD(header, version, 4);
VGPU_STUB_WIRE_FIELD(header, type, 6);
VGPU_STUB_WIRE_FIELD(header, length, 8);
VGPU_STUB_WIRE_FIELD(header, request_id, 12);
VGPU_STUB_WIRE_FIELD(header, sequence, 16);
VGPU_STUB_WIRE_FIELD(header, status, 24);
VGPU_STUB_WIRE_FIELD(header, flags, 28);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_wire_header) == 32);

VGPU_STUB_WIRE_FIELD(hello, protocol_version, 0);
VGPU_STUB_WIRE_FIELD(hello, capabilities, 4);
VGPU_STUB_WIRE_FIELD(hello, vm_id, 8);
VGPU_STUB_WIRE_FIELD(hello, pool, 12);
VGPU_STUB_WIRE_FIELD(hello, priority, 13);
VGPU_STUB_WIRE_FIELD(hello, reserved, 14);
VGPU_STUB_WIRE_FIELD(hello, vm_uuid, 16);
VGPU_STUB_WIRE_FIELD(hello, device_id, 32);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_wire_hello) == 64);

VGPU_STUB_WIRE_FIELD(welcome, accepted_version, 0);
VGPU_STUB_WIRE_FIELD(welcome, max_payload, 4);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_wire_welcome) == 8);

VGPU_STUB_WIRE_FIELD(context, context, 0);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_wire_context) == 32);

VGPU_STUB_WIRE_FIELD(arena, context, 0);
VGPU_STUB_WIRE_FIELD(arena, bytes, 8);
VGPU_STUB_WIRE_FIELD(arena, small, 16);
VGPU_STUB_WIRE_FIELD(arena, large, 20);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_wire_arena) == 32);

VGPU_STUB_WIRE_FIELD(qrequest, context, 0);
VGPU_STUB_WIRE_FIELD(qrequest, order, 8);
VGPU_STUB_WIRE_FIELD(qrequest, place, 12);
VGPU_STUB_WIRE_FIELD(qrequest, request_length, 16);
VGPU_STUB_WIRE_FIELD(qrequest, response_capacity, 20);
VGPU_STUB_WIRE_FIELD(qrequest, bulk_length, 24);
VGPU_STUB_WIRE_FIELD(qrequest, flags, 28);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_wire_qrequest) == 32);

VGPU_STUB_WIRE_FIELD(qresponse, context, 0);
VGPU_STUB_WIRE_FIELD(qresponse, response_length, 8);
VGPU_STUB_WIRE_FIELD(qresponse, bulk_moved, 12);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_wire_qresponse) == 32);

VGPU_STUB_ASSERT(VGPU_STUB_ARENA_SMALL == VGPU_STUB_ARENA_SMALL_REQUEST +
                                          VGPU_STUB_ARENA_SMALL_RESPONSE);
VGPU_STUB_ASSERT(VGPU_STUB_ARENA_LARGE == VGPU_STUB_ARENA_LARGE_REQUEST +
                                          VGPU_STUB_ARENA_LARGE_RESPONSE +
                                          VGPU_STUB_ARENA_LARGE_BULK);
VGPU_STUB_ASSERT(VGPU_STUB_ARENA_LARGE_REQUEST == VGPU_STUB_QUEUE_REQUEST_MAX);
VGPU_STUB_ASSERT(VGPU_STUB_ARENA_LARGE_RESPONSE ==
                 VGPU_STUB_QUEUE_RESPONSE_MAX);
VGPU_STUB_ASSERT(VGPU_STUB_ARENA_LARGE_BULK == VGPU_STUB_QUEUE_TRANSFER_MAX);

#endif /* VGPU_STUB_WIRE_H */
