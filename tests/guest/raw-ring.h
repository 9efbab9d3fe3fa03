/*
 * A queue that test programs drive themselves, without the driver: one page,
 * which has the ring, a request and room for its response
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RAW_RING_H
#define RAW_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "raw-bar.h"
#include "vgpu-stub-ring.h"

#define PAGE 4096
#define ENTRIES 2

/* What else is in the page, at these bytes */
#define REQUEST 1024
#define RESPONSE 2048

/* Of configuration space */
#define COMMAND 4
#define MEMORY_AND_MASTER 6

_Static_assert(VGPU_STUB_RING_SIZE(ENTRIES) <= REQUEST, "it is one page");

static volatile uint32_t *bar;
static uint8_t *page;
static uint64_t page_address;   /* for the device */

static inline uint64_t read_entry(const char *path, uint64_t index)
{
    uint64_t entry = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || pread(fd, &entry, sizeof(entry), index * sizeof(entry)) !=
        sizeof(entry)) {
        err(EXIT_FAILURE, "%s", path);
    }
    close(fd);
    return entry;
}

static inline void take_page(void)
{
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1,
                0);
    if (page == MAP_FAILED) {
        err(EXIT_FAILURE, "mmap");
    }
    page_address = (read_entry("/proc/self/pagemap", (uintptr_t)page / PAGE) &
                    ((UINT64_C(1) << 55) - 1)) * PAGE;
}

/* The device is to decode memory, and to do DMA. */
static inline void switch_on(const char *bdf)
{
    const uint16_t command = MEMORY_AND_MASTER;
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || pwrite(fd, &command, sizeof(command), COMMAND) !=
        sizeof(command)) {
        err(EXIT_FAILURE, "%s", path);
    }
    close(fd);
}

static inline void put(unsigned offset, uint32_t value)
{
    bar[offset / 4] = value;
}

static inline uint32_t get(unsigned offset)
{
    return bar[offset / 4];
}

/* A queue anew, whose ring is at that address for the device */
static inline void enable(uint64_t ring)
{
    memset(page, 0, PAGE);
    put(VGPU_STUB_REG_QUEUE_CONTROL, VGPU_STUB_QUEUE_DISABLE);
    put(VGPU_STUB_REG_QUEUE_RING_LO, ring);
    put(VGPU_STUB_REG_QUEUE_RING_HI, ring >> 32);
    put(VGPU_STUB_REG_QUEUE_ENTRIES, ENTRIES);
    put(VGPU_STUB_REG_QUEUE_CONTROL, VGPU_STUB_QUEUE_ENABLE);
}

/* What was submitted so far, and has completed */
static inline volatile uint32_t *sq_tail(void)
{
    return &((volatile struct vgpu_stub_ring_driver *)page)->sq_tail;
}

static inline volatile uint32_t *cq_tail(void)
{
    return &((volatile struct vgpu_stub_ring_device *)
             (page + VGPU_STUB_RING_DEVICE))->cq_tail;
}

/* Submit what comes next, and ring. */
static inline void submit(const struct vgpu_stub_submission *submission)
{
    struct vgpu_stub_submission *entries =
        (void *)(page + VGPU_STUB_RING_SUBMISSIONS);
    const uint32_t number = *sq_tail();

    entries[number % ENTRIES] = *submission;
    __sync_synchronize();
    *sq_tail() = number + 1;
    put(VGPU_STUB_REG_QUEUE_DOORBELL, 0);
}

/* The status of the last that has completed */
static inline uint32_t last_status(void)
{
    const struct vgpu_stub_completion *completions =
        (void *)(page + VGPU_STUB_RING_COMPLETIONS(ENTRIES));

    __sync_synchronize();
    return completions[(*cq_tail() - 1) % ENTRIES].status;
}

#endif /* RAW_RING_H */
