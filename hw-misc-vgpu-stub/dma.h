/*
 * vgpu-stub: the guest's memory, as the device touches it
 *
 * Only what is RAM that the guest can write is touched, and only between a map
 * and an unmap that nothing else happens between. What is no memory of the
 * guest, or is not there at the moment (Xen: ballooned away), is a failure and
 * nothing else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_DMA_H
#define VGPU_STUB_DMA_H

#include "hw/pci/pci.h"
#include "vgpu-stub-ring.h"

/*
 * Map the @length bytes at @addr, or as many of them as are in one piece: then
 * @length is made smaller. Returns NULL when not even the first one is memory.
 * The guest may change what is there at any time.
 */
void *vgpu_stub_dma_map(PCIDevice *pci_dev, uint64_t addr, size_t *length,
                        bool write);

/* @length as vgpu_stub_dma_map() left it. */
void vgpu_stub_dma_unmap(PCIDevice *pci_dev, void *host, size_t length,
                         bool write);

/* Is all of it memory? It is not mapped for that, which may still fail. */
bool vgpu_stub_dma_is_memory(PCIDevice *pci_dev, uint64_t addr, size_t length);

/* Copy all @length bytes; false: not all of it is memory. */
bool vgpu_stub_dma_read(PCIDevice *pci_dev, uint64_t addr, void *buf,
                        size_t length);
bool vgpu_stub_dma_write(PCIDevice *pci_dev, uint64_t addr, const void *buf,
                         size_t length);

/* A time to stop at, in nanoseconds; it does not stop with the VM. */
int64_t vgpu_stub_deadline(int64_t us);
bool vgpu_stub_expired(int64_t deadline);

/* A copy between the guest's segments and the host, which can be resumed. */
typedef struct VgpuStubCopy {
    const struct vgpu_stub_segment *segment;    /* the next one; host order */
    uint32_t offset;            /* bytes of it that are copied */
    uint32_t left;              /* bytes to copy, <= the segments' */
    uint8_t *host;
    bool to_guest;
} VgpuStubCopy;

typedef enum VgpuStubCopyResult {
    VGPU_STUB_COPY_DONE,
    VGPU_STUB_COPY_AGAIN,       /* the time was up: go on later */
    VGPU_STUB_COPY_FAILED,      /* not memory of the guest */
} VgpuStubCopyResult;

/* At least one piece is copied, whatever the time. */
VgpuStubCopyResult vgpu_stub_copy(PCIDevice *pci_dev, VgpuStubCopy *copy,
                                  int64_t deadline);

#endif /* VGPU_STUB_DMA_H */
