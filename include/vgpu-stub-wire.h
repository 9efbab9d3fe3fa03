/*
 * vgpu-stub: the messages between the device in QEMU and the mediator
 *
 * Device <-> mediator protocol 1.0; docs/wire-protocol.md is the
 * specification. A byte stream of messages, each a header of 32 bytes and
 * `length` bytes of payload, little-endian.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later OR MIT
 */
#ifndef VGPU_STUB_WIRE_H
#define VGPU_STUB_WIRE_H

#include "vgpu-stub-regs.h"

#define VGPU_STUB_WIRE_MAGIC        0x55504756  /* "VGPU" in memory order */
#define VGPU_STUB_WIRE_VERSION      1
#define VGPU_STUB_WIRE_MAX_PAYLOAD  65536

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

struct vgpu_stub_wire_header {
    uint32_t magic;         /* VGPU_STUB_WIRE_MAGIC */
    uint16_t version;       /* VGPU_STUB_WIRE_VERSION */
    uint16_t type;          /* VGPU_STUB_MSG_… */
    uint32_t length;        /* payload bytes, <= VGPU_STUB_WIRE_MAX_PAYLOAD */
    uint32_t request_id;    /* the guest's tag, echoed */
    uint64_t sequence;      /* given by the device, never used twice */
    uint32_t status;        /* VGPU_STUB_ERR_… in RESPONSE and REJECT, else 0 */
    uint32_t flags;         /* 0 */
};

struct vgpu_stub_wire_hello {
    uint32_t protocol_version;  /* VGPU_STUB_PROTOCOL_VERSION */
    uint32_t capabilities;      /* as the register */
    uint32_t vm_id;
    uint8_t pool;               /* VGPU_STUB_POOL_… */
    uint8_t priority;           /* VGPU_STUB_PRIORITY_… */
    uint16_t reserved;          /* 0 */
    uint8_t vm_uuid[16];        /* big-endian, as in the UUID's text */
    char device_id[32];         /* QEMU's id= of the device, NUL-padded */
};

struct vgpu_stub_wire_welcome {
    uint32_t accepted_version;  /* same major version as in HELLO */
    uint32_t max_payload;       /* >= VGPU_STUB_MAX_REQUEST */
};

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

#endif /* VGPU_STUB_WIRE_H */
