/*
 * sst-device: what QEMU and a simulator say to each other
 *
 * docs/sst.md is the specification. A byte stream; QEMU sends a request for
 * each access that software makes to the device, the simulator answers every
 * request, in their order. There are two formats, and nothing in the stream
 * says which: both sides are told. Format "guide" has two more messages, for
 * those who ask for them. Little-endian, packed.
 *
 * No dependency but <stdint.h>, so that firmware can include it for the
 * registers of the example device.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later OR MIT
 */
#ifndef SST_MMIO_WIRE_H
#define SST_MMIO_WIRE_H

#include <stdint.h>

/* type of a request, in both formats */
#define SST_MMIO_READ               0
#define SST_MMIO_WRITE              1

/* Format "guide" */
#define SST_MMIO_REQUEST_MAGIC      0x53535452  /* "SSTR" */
#define SST_MMIO_RESPONSE_MAGIC     0x53535450  /* "SSTP" */

/* A request that is no access and has no response: all processors wait for an
 * interrupt. address: ns until a timer of QEMU's own ends that, or …_NEVER;
 * data: interrupt messages that QEMU has had on this connection; size: 0 */
#define SST_MMIO_IDLE               2
#define SST_MMIO_IDLE_NEVER         0xFFFFFFFFFFFFFFFF

/* status of a response: any other value is an error */
#define SST_MMIO_STATUS_OK          0
#define SST_MMIO_STATUS_ERROR       1

struct sst_mmio_guide_request {
    uint32_t magic;         /* SST_MMIO_REQUEST_MAGIC */
    uint32_t type;          /* SST_MMIO_READ or SST_MMIO_WRITE */
    uint64_t address;       /* on the bus: base of the device + offset */
    uint32_t size;          /* bytes: 1, 2, 4 or 8 */
    uint64_t data;          /* what is written, above its size 0; read: 0 */
} __attribute__((packed));

struct sst_mmio_guide_response {
    uint32_t magic;         /* SST_MMIO_RESPONSE_MAGIC */
    uint32_t status;        /* SST_MMIO_STATUS_… */
    uint64_t data;          /* what is read; above its size ignored */
    uint32_t latency;       /* cycles of the simulated device's clock */
} __attribute__((packed));

/* The interrupt line of the device at this address: instead of a response, and
 * answered by nothing */
#define SST_MMIO_INTERRUPT_MAGIC    0x53535449  /* "SSTI" */

struct sst_mmio_guide_interrupt {
    uint32_t magic;         /* SST_MMIO_INTERRUPT_MAGIC */
    uint32_t level;         /* 0 low, 1 high */
    uint64_t address;       /* in the device; what requests call it */
    uint32_t reserved;      /* 0 */
} __attribute__((packed));

/* Format "acalsim", of ACALSim's QEMUBinaryComponent */

/* success of a response: any other value is an error */
#define SST_MMIO_SUCCESS            1

struct sst_mmio_acalsim_request {
    uint8_t type;           /* SST_MMIO_READ or SST_MMIO_WRITE */
    uint8_t size;           /* bytes: 1, 2, 4 or 8 */
    uint16_t reserved;      /* 0 */
    uint64_t address;       /* on the bus: base of the device + offset */
    uint64_t data;          /* what is written, above its size 0; read: 0 */
} __attribute__((packed));

struct sst_mmio_acalsim_response {
    uint8_t success;        /* SST_MMIO_SUCCESS */
    uint8_t reserved[7];    /* 0 */
    uint64_t data;          /* what is read; above its size ignored */
} __attribute__((packed));

/* The example devices: where they lie, and registers of 32 bits */
#define SST_DEVICE_BASE             0x10200000  /* the first one */
#define SST_DEVICE_STRIDE           0x100000    /* from one to the next */
#define SST_DEVICE_SIZE             4096

#define SST_DEVICE_REG_DATA_IN      0x00        /* RW */
#define SST_DEVICE_REG_DATA_OUT     0x04        /* RO */
#define SST_DEVICE_REG_STATUS       0x08        /* RO */
#define SST_DEVICE_REG_CONTROL      0x0C        /* W, reads 0 */

#define SST_DEVICE_STATUS_BUSY          (1u << 0)
#define SST_DEVICE_STATUS_DATA_READY    (1u << 1)
#define SST_DEVICE_STATUS_ERROR         (1u << 2)

#define SST_DEVICE_CONTROL_START        (1u << 0)
#define SST_DEVICE_CONTROL_RESET        (1u << 1)
#define SST_DEVICE_CONTROL_INTERRUPT    (1u << 2)

#ifdef __cplusplus
#define SST_MMIO_ASSERT(expr) static_assert(expr, #expr)
#else
#define SST_MMIO_ASSERT(expr) _Static_assert(expr, #expr)
#endif

#define SST_MMIO_FIELD(type, field, offset) \
    SST_MMIO_ASSERT(__builtin_offsetof(struct sst_mmio_##type, field) == \
                    (offset))

SST_MMIO_FIELD(guide_request, magic, 0);
SST_MMIO_FIELD(guide_request, type, 4);
SST_MMIO_FIELD(guide_request, address, 8);
SST_MMIO_FIELD(guide_request, size, 16);
SST_MMIO_FIELD(guide_request, data, 20);
SST_MMIO_ASSERT(sizeof(struct sst_mmio_guide_request) == 28);

SST_MMIO_FIELD(guide_response, magic, 0);
SST_MMIO_FIELD(guide_response, status, 4);
SST_MMIO_FIELD(guide_response, data, 8);
SST_MMIO_FIELD(guide_response, latency, 16);
SST_MMIO_ASSERT(sizeof(struct sst_mmio_guide_response) == 20);

SST_MMIO_FIELD(guide_interrupt, magic, 0);
SST_MMIO_FIELD(guide_interrupt, level, 4);
SST_MMIO_FIELD(guide_interrupt, address, 8);
SST_MMIO_FIELD(guide_interrupt, reserved, 16);
SST_MMIO_ASSERT(sizeof(struct sst_mmio_guide_interrupt) ==
                sizeof(struct sst_mmio_guide_response));

SST_MMIO_FIELD(acalsim_request, type, 0);
SST_MMIO_FIELD(acalsim_request, size, 1);
SST_MMIO_FIELD(acalsim_request, reserved, 2);
SST_MMIO_FIELD(acalsim_request, address, 4);
SST_MMIO_FIELD(acalsim_request, data, 12);
SST_MMIO_ASSERT(sizeof(struct sst_mmio_acalsim_request) == 20);

SST_MMIO_FIELD(acalsim_response, success, 0);
SST_MMIO_FIELD(acalsim_response, reserved, 1);
SST_MMIO_FIELD(acalsim_response, data, 8);
SST_MMIO_ASSERT(sizeof(struct sst_mmio_acalsim_response) == 16);

#endif /* SST_MMIO_WIRE_H */
