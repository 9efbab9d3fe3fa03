/*
 * vgpu-stub: BAR0, its registers and its mailbox
 *
 * docs/registers.md is the specification. The mailbox is the two buffers and
 * the one request that they are for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_BAR0_H
#define VGPU_STUB_BAR0_H

#include "exec/memory.h"
#include "interrupt.h"
#include "queue.h"
#include "request.h"

typedef struct VgpuStubBar0 {
    MemoryRegion region;
    VgpuStubInterrupt *interrupt;
    VgpuStubQueue *queue;       /* which may not be present */

    /* What the guest only reads; set by the owner */
    uint32_t vm_id;
    uint8_t pool;
    uint8_t priority;

    VgpuStubRequest request;
    bool outcome_seen;          /* a read of STATUS returned DONE or ERROR */
    uint32_t scratch;
    uint8_t request_buf[VGPU_STUB_BUF_SIZE];
    uint8_t response_buf[VGPU_STUB_BUF_SIZE];

    int64_t guest_error_second; /* the one that guest_errors counts */
    unsigned guest_errors;
} VgpuStubBar0;

/*
 * Make bar0->region, which belongs to @owner. The request goes over @link, and
 * @interrupt tells the guest of its end.
 */
void vgpu_stub_bar0_init(VgpuStubBar0 *bar0, Object *owner,
                         VgpuStubLink *link, VgpuStubInterrupt *interrupt,
                         VgpuStubQueue *queue);

/* What the device can do, as the register says it */
uint32_t vgpu_stub_bar0_capabilities(const VgpuStubBar0 *bar0);

/* The interrupts that there are: bits of INTERRUPT_CTRL */
uint32_t vgpu_stub_bar0_interrupts(const VgpuStubBar0 *bar0);

/* Its request does not go on. */
void vgpu_stub_bar0_exit(VgpuStubBar0 *bar0);

/* The mediator is told when a request runs; not what else ends. */
void vgpu_stub_bar0_reset(VgpuStubBar0 *bar0);

/* Its fields and its interrupt's were loaded, and were checked. */
void vgpu_stub_bar0_loaded(VgpuStubBar0 *bar0);

#endif /* VGPU_STUB_BAR0_H */
