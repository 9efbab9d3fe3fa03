/*
 * vgpu-stub: the guest's memory, as the device touches it
 *
 * pci_dma_read() and pci_dma_write() will not do. They work on device memory,
 * which has effects; in some of the series they report success whatever
 * happened; and on Xen they copy from a page that is not there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "qemu/units.h"
#include "exec/memory.h"
#include "dma.h"
#include "compat.h"

/* Xen maps the guest in buckets of this size: no piece crosses its border. */
#define DMA_BUCKET (1 * MiB)

/* How many of the @length bytes at @addr, in one piece, may be touched? */
static hwaddr dma_usable(AddressSpace *as, uint64_t addr, hwaddr length,
                         bool write)
{
    MemoryRegion *region;
    hwaddr offset;

    RCU_READ_LOCK_GUARD();
    region = address_space_translate(as, addr, &offset, &length, write,
                                     MEMTXATTRS_UNSPECIFIED);
    if (!memory_region_is_ram(region) || memory_region_is_rom(region) ||
        memory_region_is_ram_device(region)) {
        return 0;
    }
    return length;
}

static hwaddr dma_piece(PCIDevice *pci_dev, uint64_t addr, hwaddr length,
                        bool write)
{
    length = MIN(length, DMA_BUCKET - (addr & (DMA_BUCKET - 1)));
    return dma_usable(pci_get_address_space(pci_dev), addr, length, write);
}

void *vgpu_stub_dma_map(PCIDevice *pci_dev, uint64_t addr, size_t *length,
                        bool write)
{
    AddressSpace *as = pci_get_address_space(pci_dev);
    hwaddr piece = dma_piece(pci_dev, addr, *length, write);
    hwaddr mapped = piece;
    void *host;

    if (!piece) {
        return NULL;
    }
    host = address_space_map(as, addr, &mapped, write, MEMTXATTRS_UNSPECIFIED);
    if (!host) {
        return NULL;
    }
    if (mapped != piece) {
        address_space_unmap(as, host, mapped, write, 0);
        return NULL;
    }
    *length = piece;
    return host;
}

void vgpu_stub_dma_unmap(PCIDevice *pci_dev, void *host, size_t length,
                         bool write)
{
    address_space_unmap(pci_get_address_space(pci_dev), host, length, write,
                        length);
}

bool vgpu_stub_dma_is_memory(PCIDevice *pci_dev, uint64_t addr, size_t length)
{
    hwaddr piece;

    while (length) {
        piece = dma_piece(pci_dev, addr, length, true);
        if (!piece) {
            return false;
        }
        addr += piece;
        length -= piece;
    }
    return true;
}

int64_t vgpu_stub_deadline(int64_t us)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + us * SCALE_US;
}

bool vgpu_stub_expired(int64_t deadline)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME) >= deadline;
}

/* One piece; false: not memory. */
static bool dma_copy_piece(PCIDevice *pci_dev, VgpuStubCopy *copy)
{
    const struct vgpu_stub_segment *segment = copy->segment;
    size_t piece = MIN(segment->length - copy->offset, copy->left);
    void *guest = vgpu_stub_dma_map(pci_dev, segment->address + copy->offset,
                                    &piece, copy->to_guest);

    if (!guest) {
        return false;
    }
    if (copy->to_guest) {
        memcpy(guest, copy->host, piece);
    } else {
        memcpy(copy->host, guest, piece);
    }
    vgpu_stub_dma_unmap(pci_dev, guest, piece, copy->to_guest);
    copy->host += piece;
    copy->left -= piece;
    copy->offset += piece;
    if (copy->offset == segment->length) {
        copy->segment++;
        copy->offset = 0;
    }
    return true;
}

VgpuStubCopyResult vgpu_stub_copy(PCIDevice *pci_dev, VgpuStubCopy *copy,
                                  int64_t deadline)
{
    while (copy->left) {
        if (!dma_copy_piece(pci_dev, copy)) {
            return VGPU_STUB_COPY_FAILED;
        }
        if (copy->left && vgpu_stub_expired(deadline)) {
            return VGPU_STUB_COPY_AGAIN;
        }
    }
    return VGPU_STUB_COPY_DONE;
}

static bool dma_copy_all(PCIDevice *pci_dev, uint64_t addr, void *buf,
                         size_t length, bool to_guest)
{
    const struct vgpu_stub_segment all = { .address = addr, .length = length };
    VgpuStubCopy copy = {
        .segment = &all, .left = length, .host = buf, .to_guest = to_guest,
    };

    return vgpu_stub_copy(pci_dev, &copy, INT64_MAX) == VGPU_STUB_COPY_DONE;
}

bool vgpu_stub_dma_read(PCIDevice *pci_dev, uint64_t addr, void *buf,
                        size_t length)
{
    return dma_copy_all(pci_dev, addr, buf, length, false);
}

bool vgpu_stub_dma_write(PCIDevice *pci_dev, uint64_t addr, const void *buf,
                         size_t length)
{
    return dma_copy_all(pci_dev, addr, (void *)buf, length, true);
}
