/*
 * vgpu-stub: the registers that a guest sees, and what travels in its buffers
 *
 * Register map revision 0x02, protocol 1.0; docs/registers.md is the
 * specification, a test compares the two. No dependency but the integer
 * types, so that the device, a guest's program and a kernel driver can all
 * include it.
 *
 * Everything is little-endian.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later OR MIT
 */
#ifndef VGPU_STUB_REGS_H
#define VGPU_STUB_REGS_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* PCI identity */
#define VGPU_STUB_PCI_VENDOR_ID     0x1AF4
#define VGPU_STUB_PCI_DEVICE_ID     0x1111
#define VGPU_STUB_PCI_CLASS         0x1200      /* processing accelerator */
#define VGPU_STUB_PCI_REVISION      0x02
#define VGPU_STUB_BAR               0
#define VGPU_STUB_BAR_SIZE          4096

/* Registers: byte offsets in BAR0, each 32 bits wide */
#define VGPU_STUB_REG_DOORBELL              0x000   /* W, reads 0 */
#define VGPU_STUB_REG_STATUS                0x004   /* RO */
#define VGPU_STUB_REG_POOL_ID               0x008   /* RO */
#define VGPU_STUB_REG_PRIORITY              0x00C   /* RO */
#define VGPU_STUB_REG_VM_ID                 0x010   /* RO */
#define VGPU_STUB_REG_ERROR_CODE            0x014   /* RO */
#define VGPU_STUB_REG_REQUEST_LEN           0x018   /* RW */
#define VGPU_STUB_REG_RESPONSE_LEN          0x01C   /* RO */
#define VGPU_STUB_REG_PROTOCOL_VER          0x020   /* RO */
#define VGPU_STUB_REG_CAPABILITIES          0x024   /* RO */
#define VGPU_STUB_REG_INTERRUPT_CTRL        0x028   /* RW */
#define VGPU_STUB_REG_INTERRUPT_STATUS      0x02C   /* RW1C */
#define VGPU_STUB_REG_REQUEST_ID            0x030   /* RW */
#define VGPU_STUB_REG_TIMESTAMP_LO          0x034   /* RO */
#define VGPU_STUB_REG_TIMESTAMP_HI          0x038   /* RO */
#define VGPU_STUB_REG_SCRATCH               0x03C   /* RW */
#define VGPU_STUB_REG_LINK                  0x840   /* RO */
#define VGPU_STUB_REG_REQUEST_TIMEOUT_MS    0x844   /* RO */

/* The DMA queue's; they read 0 where CAPABILITIES has no VGPU_STUB_CAP_DMA. */
#define VGPU_STUB_REG_QUEUE_ENTRIES_MAX     0x880   /* RO */
#define VGPU_STUB_REG_QUEUE_TRANSFER_MAX    0x884   /* RO */
#define VGPU_STUB_REG_QUEUE_SEGMENTS_MAX    0x888   /* RO */
#define VGPU_STUB_REG_QUEUE_RING_LO         0x890   /* RW while off */
#define VGPU_STUB_REG_QUEUE_RING_HI         0x894   /* RW while off */
#define VGPU_STUB_REG_QUEUE_ENTRIES         0x898   /* RW while off */
#define VGPU_STUB_REG_QUEUE_CONTROL         0x89C   /* RW */
#define VGPU_STUB_REG_QUEUE_STATE           0x8A0   /* RO */
#define VGPU_STUB_REG_QUEUE_ERROR           0x8A4   /* RO */
#define VGPU_STUB_REG_QUEUE_DOORBELL        0x8A8   /* W, reads 0 */

/* Buffers: byte offsets and sizes in BAR0 */
#define VGPU_STUB_REQUEST_BUF               0x040   /* RW */
#define VGPU_STUB_RESPONSE_BUF              0x440   /* RO */
#define VGPU_STUB_BUF_SIZE                  1024
#define VGPU_STUB_RESERVED                  0x848   /* the mailbox ends here */

/* DOORBELL values; others are ignored */
#define VGPU_STUB_DOORBELL_SUBMIT           1
#define VGPU_STUB_DOORBELL_ACK              2       /* acknowledge or abort */

/* STATUS values */
#define VGPU_STUB_STATUS_IDLE               0
#define VGPU_STUB_STATUS_BUSY               1
#define VGPU_STUB_STATUS_DONE               2
#define VGPU_STUB_STATUS_ERROR              3

/* POOL_ID values: ASCII */
#define VGPU_STUB_POOL_A                    0x41
#define VGPU_STUB_POOL_B                    0x42

/* PRIORITY values */
#define VGPU_STUB_PRIORITY_LOW              0
#define VGPU_STUB_PRIORITY_MEDIUM           1
#define VGPU_STUB_PRIORITY_HIGH             2

/* REQUEST_TIMEOUT_MS where the device's property does not say it */
#define VGPU_STUB_TIMEOUT_MS_DEFAULT        30000

/* PROTOCOL_VER: major << 16 | minor */
#define VGPU_STUB_PROTOCOL_VERSION          0x00010000

/* CAPABILITIES bits */
#define VGPU_STUB_CAP_REQUEST               (1u << 0)
#define VGPU_STUB_CAP_INTERRUPT             (1u << 1)
#define VGPU_STUB_CAP_DMA                   (1u << 2)
#define VGPU_STUB_CAP_MULTIPLE              (1u << 3)

/* The bits of INTERRUPT_CTRL (enable) and INTERRUPT_STATUS (pending) */
#define VGPU_STUB_INTERRUPT_COMPLETION      (1u << 0)   /* the mailbox's */
#define VGPU_STUB_INTERRUPT_QUEUE           (1u << 1)   /* the queue's */

/* LINK bits */
#define VGPU_STUB_LINK_UP                   (1u << 0)
#define VGPU_STUB_LINK_QUEUE                (1u << 1)   /* serves the queue */

/* QUEUE_CONTROL values; others are ignored */
#define VGPU_STUB_QUEUE_DISABLE             0
#define VGPU_STUB_QUEUE_ENABLE              1

/* QUEUE_STATE values */
#define VGPU_STUB_QUEUE_OFF                 0
#define VGPU_STUB_QUEUE_ON                  1
#define VGPU_STUB_QUEUE_BROKEN              2

/* QUEUE_ERROR values: why the queue is broken */
#define VGPU_STUB_QUEUE_ERROR_NONE          0
#define VGPU_STUB_QUEUE_ERROR_ENTRIES       1   /* not as many as allowed */
#define VGPU_STUB_QUEUE_ERROR_RING          2   /* not memory that can be used */
#define VGPU_STUB_QUEUE_ERROR_TAIL          3   /* more than ENTRIES are owed */
#define VGPU_STUB_QUEUE_ERROR_RESTORED      4   /* it was on in a saved state */

/* Of the queue; docs/queue.md */
#define VGPU_STUB_QUEUE_ENTRIES_MIN         2
#define VGPU_STUB_QUEUE_ENTRIES_MAX         256
#define VGPU_STUB_QUEUE_RING_ALIGN          4096
#define VGPU_STUB_QUEUE_TRANSFER_MAX        0x100000    /* bytes of bulk */
#define VGPU_STUB_QUEUE_SEGMENTS_MAX        257 /* 1 MiB unaligned, in pages */
#define VGPU_STUB_QUEUE_REQUEST_MAX         0x10000     /* bytes, each … */
#define VGPU_STUB_QUEUE_RESPONSE_MAX        0x10000     /* … of a submission */
#define VGPU_STUB_QUEUE_CONTEXTS_MAX        64  /* open at the same time */
#define VGPU_STUB_QUEUE_WAITS_MAX           16  /* of a context */

/* ERROR_CODE values; those that are not listed are reserved */
#define VGPU_STUB_ERR_NONE                  0x00
#define VGPU_STUB_ERR_INVALID_REQUEST       0x01
#define VGPU_STUB_ERR_REQUEST_TOO_LARGE     0x02
#define VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE  0x03
#define VGPU_STUB_ERR_TIMEOUT               0x04
#define VGPU_STUB_ERR_BACKEND_ERROR         0x05    /* CUDA_ERROR in older texts */
#define VGPU_STUB_ERR_INVALID_POOL          0x06
#define VGPU_STUB_ERR_QUEUE_FULL            0x07
#define VGPU_STUB_ERR_UNSUPPORTED_OPERATION 0x08
#define VGPU_STUB_ERR_INVALID_LENGTH        0x09
#define VGPU_STUB_ERR_RATE_LIMITED          0x0A
#define VGPU_STUB_ERR_VM_QUARANTINED        0x0B
#define VGPU_STUB_ERR_PROTOCOL_ERROR        0x0C
#define VGPU_STUB_ERR_CANCELLED             0x0D
#define VGPU_STUB_ERR_CONTEXT_LOST          0x0E    /* in the queue alone */
#define VGPU_STUB_ERR_OUT_OF_MEMORY         0xF0    /* MEMORY_ALLOC, KERNEL */
#define VGPU_STUB_ERR_INVALID_HANDLE        0xF1
#define VGPU_STUB_ERR_UNKNOWN_KERNEL        0xF2
#define VGPU_STUB_ERR_BUILD_FAILED          0xF3    /* a guest's program */
#define VGPU_STUB_ERR_BACKEND_FIRST         0xF0    /* backend-specific … */
#define VGPU_STUB_ERR_BACKEND_LAST          0xFF    /* … up to here */

/* Is @code an ERROR_CODE that is not reserved? */
static inline int vgpu_stub_error_is_listed(uint32_t code)
{
    return code <= VGPU_STUB_ERR_CONTEXT_LOST ||
           (code >= VGPU_STUB_ERR_BACKEND_FIRST &&
            code <= VGPU_STUB_ERR_BACKEND_LAST);
}

/*
 * Bytes that a request and a response in the mailbox may have, header and all.
 */
#define VGPU_STUB_MAX_REQUEST               1024
#define VGPU_STUB_MAX_RESPONSE              1024

/*
 * What a request carries in REQUEST_BUF: this header, u32 params[param_count],
 * then data_length bytes at data_offset (from the start of the header).
 */
struct vgpu_stub_request {
    uint32_t version;           /* VGPU_STUB_PROTOCOL_VERSION */
    uint32_t opcode;            /* VGPU_STUB_OP_… */
    uint32_t flags;             /* VGPU_STUB_REQUEST_… */
    uint32_t param_count;
    uint32_t data_offset;
    uint32_t data_length;
    uint32_t reserved[2];       /* 0 */
};

#define VGPU_STUB_REQUEST_ASYNC             (1u << 0)
#define VGPU_STUB_REQUEST_BOOST             (1u << 1)   /* boost priority */

/*
 * What a response carries in RESPONSE_BUF: this header, u32
 * results[result_count], then data_length bytes at data_offset.
 */
struct vgpu_stub_response {
    uint32_t version;           /* VGPU_STUB_PROTOCOL_VERSION */
    uint32_t status;            /* VGPU_STUB_ERR_… */
    uint32_t result_count;
    uint32_t data_offset;
    uint32_t data_length;
    uint32_t exec_time_us;      /* execution alone, without queueing */
    uint32_t reserved[2];       /* 0 */
};

/*
 * Opcodes; docs/operations.md says what each takes and returns. 0x0100-0x0FFF
 * are reserved, 0x1000-0xFFFF are for vendors.
 */
#define VGPU_STUB_OP_NOP                    0x0000
#define VGPU_STUB_OP_KERNEL                 0x0001
#define VGPU_STUB_OP_MEMORY_ALLOC           0x0002
#define VGPU_STUB_OP_MEMORY_FREE            0x0003
#define VGPU_STUB_OP_MEMORY_COPY            0x0004
#define VGPU_STUB_OP_GET_DEVICE_INFO        0x0005
#define VGPU_STUB_OP_SYNCHRONIZE            0x0006
#define VGPU_STUB_OP_ECHO                   0x0007
#define VGPU_STUB_OP_MEMORY_FREE_ALL        0x0008
#define VGPU_STUB_OP_LIST_KERNELS           0x0009

/* What executes requests: a result of GET_DEVICE_INFO */
#define VGPU_STUB_BACKEND_NONE              0
#define VGPU_STUB_BACKEND_CPU               1
#define VGPU_STUB_BACKEND_OPENCL            2
#define VGPU_STUB_BACKEND_CUDA              3

/* The direction of a MEMORY_COPY */
#define VGPU_STUB_COPY_TO_DEVICE            0
#define VGPU_STUB_COPY_FROM_DEVICE          1
#define VGPU_STUB_COPY_WITHIN_DEVICE        2

/*
 * The data of a KERNEL request: the kernel's name, NUL-padded and with one NUL
 * at least, then its arguments.
 */
#define VGPU_STUB_KERNEL_NAME_SIZE          32

struct vgpu_stub_kernel_arg {
    uint32_t type;              /* VGPU_STUB_ARG_… */
    uint32_t reserved;          /* 0 */
    uint64_t value;             /* in its low bits, the others are 0 */
};

#define VGPU_STUB_ARG_BUFFER                1   /* a handle */
#define VGPU_STUB_ARG_U32                   2   /* or i32 */
#define VGPU_STUB_ARG_F32                   3   /* the bits of an IEEE float */
#define VGPU_STUB_ARG_U64                   4   /* or i64 */
#define VGPU_STUB_ARG_F64                   5   /* the bits of a double */

/*
 * The data of LIST_KERNELS: a row for each kernel of the catalogue, followed by
 * one for each of its arguments.
 */
struct vgpu_stub_kernel_row {
    uint32_t type;              /* VGPU_STUB_ROW_KERNEL or VGPU_STUB_ARG_… */
    uint32_t detail;            /* kernel: dimensions that it uses at most;
                                   buffer: VGPU_STUB_ACCESS_…; else 0 */
    char name[VGPU_STUB_KERNEL_NAME_SIZE];      /* NUL-padded */
};

#define VGPU_STUB_ROW_KERNEL                0
#define VGPU_STUB_ACCESS_READ               (1u << 0)
#define VGPU_STUB_ACCESS_WRITE              (1u << 1)

#ifdef __cplusplus
#define VGPU_STUB_ASSERT(expr) static_assert(expr, #expr)
#else
#define VGPU_STUB_ASSERT(expr) _Static_assert(expr, #expr)
#endif

/*
 * The mailbox's map has no hole: the offsets follow one another, the buffers
 * follow the registers. A block move over all of it depends on that.
 */
#define VGPU_STUB_FOLLOWS(next, reg) \
    VGPU_STUB_ASSERT(VGPU_STUB_REG_##next == VGPU_STUB_REG_##reg + 4)

VGPU_STUB_ASSERT(VGPU_STUB_REG_DOORBELL == 0);
VGPU_STUB_FOLLOWS(STATUS, DOORBELL);
VGPU_STUB_FOLLOWS(POOL_ID, STATUS);
VGPU_STUB_FOLLOWS(PRIORITY, POOL_ID);
VGPU_STUB_FOLLOWS(VM_ID, PRIORITY);
VGPU_STUB_FOLLOWS(ERROR_CODE, VM_ID);
VGPU_STUB_FOLLOWS(REQUEST_LEN, ERROR_CODE);
VGPU_STUB_FOLLOWS(RESPONSE_LEN, REQUEST_LEN);
VGPU_STUB_FOLLOWS(PROTOCOL_VER, RESPONSE_LEN);
VGPU_STUB_FOLLOWS(CAPABILITIES, PROTOCOL_VER);
VGPU_STUB_FOLLOWS(INTERRUPT_CTRL, CAPABILITIES);
VGPU_STUB_FOLLOWS(INTERRUPT_STATUS, INTERRUPT_CTRL);
VGPU_STUB_FOLLOWS(REQUEST_ID, INTERRUPT_STATUS);
VGPU_STUB_FOLLOWS(TIMESTAMP_LO, REQUEST_ID);
VGPU_STUB_FOLLOWS(TIMESTAMP_HI, TIMESTAMP_LO);
VGPU_STUB_FOLLOWS(SCRATCH, TIMESTAMP_HI);
VGPU_STUB_ASSERT(VGPU_STUB_REQUEST_BUF == VGPU_STUB_REG_SCRATCH + 4);
VGPU_STUB_ASSERT(VGPU_STUB_RESPONSE_BUF ==
                 VGPU_STUB_REQUEST_BUF + VGPU_STUB_BUF_SIZE);
VGPU_STUB_ASSERT(VGPU_STUB_REG_LINK ==
                 VGPU_STUB_RESPONSE_BUF + VGPU_STUB_BUF_SIZE);
VGPU_STUB_FOLLOWS(REQUEST_TIMEOUT_MS, LINK);
VGPU_STUB_ASSERT(VGPU_STUB_MAX_REQUEST == VGPU_STUB_BUF_SIZE);
VGPU_STUB_ASSERT(VGPU_STUB_MAX_RESPONSE == VGPU_STUB_BUF_SIZE);
VGPU_STUB_ASSERT(VGPU_STUB_RESERVED == VGPU_STUB_REG_REQUEST_TIMEOUT_MS + 4);
VGPU_STUB_ASSERT(VGPU_STUB_REG_QUEUE_ENTRIES_MAX == 0x880);
VGPU_STUB_FOLLOWS(QUEUE_TRANSFER_MAX, QUEUE_ENTRIES_MAX);
VGPU_STUB_FOLLOWS(QUEUE_SEGMENTS_MAX, QUEUE_TRANSFER_MAX);
VGPU_STUB_ASSERT(VGPU_STUB_REG_QUEUE_RING_LO == 0x890);
VGPU_STUB_FOLLOWS(QUEUE_RING_HI, QUEUE_RING_LO);
VGPU_STUB_FOLLOWS(QUEUE_ENTRIES, QUEUE_RING_HI);
VGPU_STUB_FOLLOWS(QUEUE_CONTROL, QUEUE_ENTRIES);
VGPU_STUB_FOLLOWS(QUEUE_STATE, QUEUE_CONTROL);
VGPU_STUB_FOLLOWS(QUEUE_ERROR, QUEUE_STATE);
VGPU_STUB_FOLLOWS(QUEUE_DOORBELL, QUEUE_ERROR);

#define VGPU_STUB_FIELD(type, field, offset) \
    VGPU_STUB_ASSERT(__builtin_offsetof(struct type, field) == (offset))

VGPU_STUB_FIELD(vgpu_stub_request, version, 0);
VGPU_STUB_FIELD(vgpu_stub_request, opcode, 4);
VGPU_STUB_FIELD(vgpu_stub_request, flags, 8);
VGPU_STUB_FIELD(vgpu_stub_request, param_count, 12);
VGPU_STUB_FIELD(vgpu_stub_request, data_offset, 16);
VGPU_STUB_FIELD(vgpu_stub_request, data_length, 20);
VGPU_STUB_FIELD(vgpu_stub_request, reserved, 24);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_request) == 32);

VGPU_STUB_FIELD(vgpu_stub_response, version, 0);
VGPU_STUB_FIELD(vgpu_stub_response, status, 4);
VGPU_STUB_FIELD(vgpu_stub_response, result_count, 8);
VGPU_STUB_FIELD(vgpu_stub_response, data_offset, 12);
VGPU_STUB_FIELD(vgpu_stub_response, data_length, 16);
VGPU_STUB_FIELD(vgpu_stub_response, exec_time_us, 20);
VGPU_STUB_FIELD(vgpu_stub_response, reserved, 24);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_response) == 32);

VGPU_STUB_FIELD(vgpu_stub_kernel_arg, type, 0);
VGPU_STUB_FIELD(vgpu_stub_kernel_arg, reserved, 4);
VGPU_STUB_FIELD(vgpu_stub_kernel_arg, value, 8);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_kernel_arg) == 16);

VGPU_STUB_FIELD(vgpu_stub_kernel_row, type, 0);
VGPU_STUB_FIELD(vgpu_stub_kernel_row, detail, 4);
VGPU_STUB_FIELD(vgpu_stub_kernel_row, name, 8);
VGPU_STUB_ASSERT(sizeof(struct vgpu_stub_kernel_row) == 40);

#endif /* VGPU_STUB_REGS_H */
