/*
 * vgpu-stub: the ring of the DMA queue, as the device uses it
 *
 * docs/queue.md is the specification. All functions that touch the ring return
 * VGPU_STUB_QUEUE_ERROR_NONE, or why the queue is broken.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_RING_DEVICE_H
#define VGPU_STUB_RING_DEVICE_H

#include "hw/pci/pci.h"
#include "vgpu-stub-ring.h"

typedef struct VgpuStubRing {
    PCIDevice *pci_dev;
    uint64_t addr;
    uint32_t entries;           /* a power of two */
    bool started;               /* the device's words were written */
    uint32_t taken;             /* submissions so far */
    uint32_t completed;         /* completions so far … */
    uint32_t published;         /* … and those of which cq_tail tells */
} VgpuStubRing;

/* A ring with nothing in it; the guest's memory is not touched. */
void vgpu_stub_ring_init(VgpuStubRing *ring, PCIDevice *pci_dev, uint64_t addr,
                         uint32_t entries);

/*
 * How many submissions are there that were not taken? When there is none, the
 * driver rings for the next one. All of the ring has to be there the first
 * time, when the device's words are set.
 */
uint32_t vgpu_stub_ring_look(VgpuStubRing *ring, uint32_t *pending);

/*
 * Take *@count (not 0) submissions of those that are there, or fewer: *@count
 * says how many. They are in host byte order.
 */
uint32_t vgpu_stub_ring_take(VgpuStubRing *ring,
                             struct vgpu_stub_submission *submissions,
                             uint32_t *count);

/* Write one, which is in host byte order; the driver is not told yet. */
uint32_t vgpu_stub_ring_complete(VgpuStubRing *ring,
                                 const struct vgpu_stub_completion *completion);

/*
 * Let the driver see what was completed. *@passed: it wants to be interrupted.
 */
uint32_t vgpu_stub_ring_publish(VgpuStubRing *ring, bool *passed);

#endif /* VGPU_STUB_RING_DEVICE_H */
