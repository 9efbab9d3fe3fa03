/*
 * vgpu-stub: the DMA queue, its registers and its turns
 *
 * docs/queue.md is the specification. The guest's submissions are taken from
 * the ring, go through the contexts, and their completions go into the ring.
 * All that happens in turns of bounded time, in the main loop or when the guest
 * rings.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_QUEUE_H
#define VGPU_STUB_QUEUE_H

#include "contexts.h"
#include "interrupt.h"
#include "ring.h"

typedef struct VgpuStubQueue {
    bool present;               /* the device's property "queue" */
    PCIDevice *pci_dev;         /* NULL once it is unplugged, or not present */
    VgpuStubInterrupt *interrupt;

    /* Registers */
    uint64_t ring_addr;
    uint32_t entries;
    uint32_t state;             /* VGPU_STUB_QUEUE_… */
    uint32_t error;             /* VGPU_STUB_QUEUE_ERROR_… */

    VgpuStubRing ring;          /* while it is on */
    VgpuStubContexts contexts;
    bool in_turn;
    QEMUTimer turn;             /* what is left to do is done then */
    QEMUTimer trim;             /* memory that is not used goes back then */
    VMChangeStateEntry *vm_state;
} VgpuStubQueue;

void vgpu_stub_queue_init(VgpuStubQueue *queue, PCIDevice *pci_dev,
                          VgpuStubLink *link, VgpuStubInterrupt *interrupt);

/* The guest's memory is not touched any more, nor anything else. */
void vgpu_stub_queue_exit(VgpuStubQueue *queue);

/* The contexts have ended without a word: the mediator is told of the reset. */
void vgpu_stub_queue_reset(VgpuStubQueue *queue);

/* Is this the offset of a register of a queue that is present? */
bool vgpu_stub_queue_has(const VgpuStubQueue *queue, hwaddr reg);
uint32_t vgpu_stub_queue_read(const VgpuStubQueue *queue, hwaddr reg);
void vgpu_stub_queue_write(VgpuStubQueue *queue, hwaddr reg, uint32_t value);

/* Is there anything to save of it? */
bool vgpu_stub_queue_is_used(const VgpuStubQueue *queue);

/*
 * Its registers were loaded. Returns NULL, or what is wrong with them. One that
 * was on is broken then; the interrupt's status says so, nobody is told.
 */
const char *vgpu_stub_queue_loaded(VgpuStubQueue *queue);

/* The link's ops; what it says of contexts is for them. */
void vgpu_stub_queue_received(VgpuStubQueue *queue);
void vgpu_stub_queue_room(VgpuStubQueue *queue);
void vgpu_stub_queue_lost(VgpuStubQueue *queue);

#endif /* VGPU_STUB_QUEUE_H */
