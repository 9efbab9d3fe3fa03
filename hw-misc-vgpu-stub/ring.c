/*
 * vgpu-stub: the ring of the DMA queue, as the device uses it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "dma.h"
#include "ring.h"
#include "compat.h"

/* Both sides' words, which are in one page */
typedef struct VgpuStubRingWords {
    struct vgpu_stub_ring_driver driver;
    uint8_t unused[VGPU_STUB_RING_DEVICE -
                   sizeof(struct vgpu_stub_ring_driver)];
    struct vgpu_stub_ring_device device;
} VgpuStubRingWords;

static VgpuStubRingWords *ring_map_words(VgpuStubRing *ring)
{
    size_t length = sizeof(VgpuStubRingWords);
    void *words = vgpu_stub_dma_map(ring->pci_dev, ring->addr, &length, true);

    if (words && length < sizeof(VgpuStubRingWords)) {
        vgpu_stub_dma_unmap(ring->pci_dev, words, length, true);
        return NULL;
    }
    return words;
}

static void ring_unmap_words(VgpuStubRing *ring, VgpuStubRingWords *words)
{
    vgpu_stub_dma_unmap(ring->pci_dev, words, sizeof(*words), true);
}

static uint32_t ring_load(const uint32_t *word)
{
    return le32_to_cpu(qatomic_read(word));
}

static void ring_store(uint32_t *word, uint32_t value)
{
    qatomic_set(word, cpu_to_le32(value));
}

void vgpu_stub_ring_init(VgpuStubRing *ring, PCIDevice *pci_dev, uint64_t addr,
                         uint32_t entries)
{
    *ring = (VgpuStubRing) {
        .pci_dev = pci_dev, .addr = addr, .entries = entries,
    };
}

static bool ring_is_there(VgpuStubRing *ring)
{
    return vgpu_stub_dma_is_memory(ring->pci_dev, ring->addr,
                                   VGPU_STUB_RING_SIZE(ring->entries));
}

uint32_t vgpu_stub_ring_look(VgpuStubRing *ring, uint32_t *pending)
{
    uint32_t in_flight = ring->taken - ring->completed;
    VgpuStubRingWords *words = NULL;

    if (ring->started || ring_is_there(ring)) {
        words = ring_map_words(ring);
    }
    if (!words) {
        return VGPU_STUB_QUEUE_ERROR_RING;
    }
    if (!ring->started) {
        ring->started = true;
        ring_store(&words->device.cq_tail, 0);
    }
    ring_store(&words->device.sq_event, ring->taken);
    smp_mb(); /* the driver writes sq_tail, then reads sq_event */
    *pending = ring_load(&words->driver.sq_tail) - ring->taken;
    smp_rmb(); /* the tail before the submissions */
    ring_unmap_words(ring, words);
    return *pending <= ring->entries - in_flight ?
           VGPU_STUB_QUEUE_ERROR_NONE : VGPU_STUB_QUEUE_ERROR_TAIL;
}

static void ring_submission_to_cpu(struct vgpu_stub_submission *s)
{
    s->user_data = le64_to_cpu(s->user_data);
    s->request = le64_to_cpu(s->request);
    s->response = le64_to_cpu(s->response);
    s->segments = le64_to_cpu(s->segments);
    s->request_length = le32_to_cpu(s->request_length);
    s->response_capacity = le32_to_cpu(s->response_capacity);
    s->segment_count = le32_to_cpu(s->segment_count);
    s->flags = le32_to_cpu(s->flags);
    s->context = le32_to_cpu(s->context);
    s->order = le32_to_cpu(s->order);
    s->reserved = le64_to_cpu(s->reserved);
}

uint32_t vgpu_stub_ring_take(VgpuStubRing *ring,
                             struct vgpu_stub_submission *submissions,
                             uint32_t *count)
{
    uint32_t index = ring->taken & (ring->entries - 1);
    uint32_t i;

    *count = MIN(*count, ring->entries - index);
    if (!vgpu_stub_dma_read(ring->pci_dev,
                            ring->addr + VGPU_STUB_RING_SUBMISSIONS +
                            index * sizeof(*submissions),
                            submissions, *count * sizeof(*submissions))) {
        return VGPU_STUB_QUEUE_ERROR_RING;
    }
    for (i = 0; i < *count; i++) {
        ring_submission_to_cpu(&submissions[i]);
    }
    ring->taken += *count;
    return VGPU_STUB_QUEUE_ERROR_NONE;
}

uint32_t vgpu_stub_ring_complete(VgpuStubRing *ring,
                                 const struct vgpu_stub_completion *completion)
{
    uint32_t index = ring->completed & (ring->entries - 1);
    struct vgpu_stub_completion c = {
        .user_data = cpu_to_le64(completion->user_data),
        .bulk_moved = cpu_to_le64(completion->bulk_moved),
        .status = cpu_to_le32(completion->status),
        .response_length = cpu_to_le32(completion->response_length),
    };

    if (!vgpu_stub_dma_write(ring->pci_dev,
                             ring->addr +
                             VGPU_STUB_RING_COMPLETIONS(ring->entries) +
                             index * sizeof(c), &c, sizeof(c))) {
        return VGPU_STUB_QUEUE_ERROR_RING;
    }
    ring->completed++;
    return VGPU_STUB_QUEUE_ERROR_NONE;
}

uint32_t vgpu_stub_ring_publish(VgpuStubRing *ring, bool *passed)
{
    VgpuStubRingWords *words;
    uint32_t before = ring->published;

    *passed = false;
    if (before == ring->completed) {
        return VGPU_STUB_QUEUE_ERROR_NONE;
    }
    words = ring_map_words(ring);
    if (!words) {
        return VGPU_STUB_QUEUE_ERROR_RING;
    }
    smp_wmb(); /* the completions before their tail */
    ring_store(&words->device.cq_tail, ring->completed);
    smp_mb(); /* the driver writes cq_event, then reads cq_tail */
    *passed = vgpu_stub_ring_passed(ring_load(&words->driver.cq_event), before,
                                    ring->completed);
    ring_unmap_words(ring, words);
    ring->published = ring->completed;
    return VGPU_STUB_QUEUE_ERROR_NONE;
}
