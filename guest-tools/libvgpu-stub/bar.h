/*
 * libvgpu-stub: a device's BAR, and block moves to and from it
 *
 * The memory side of the blocks is an image of the register map for each
 * direction.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_BAR_H
#define VGPU_STUB_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgpu-stub-regs.h"

#define BAR_PAGE_SIZE 4096

/*
 * Both in one page, so that no block crosses one. Xen 4.17 takes a word less
 * than a descending block has if the block's last word is its page's first:
 * that one must not be ours.
 */
struct images {
    uint64_t unused;
    union {                 /* what the next submission writes */
        uint32_t reg[VGPU_STUB_RESPONSE_BUF / 4];
        uint8_t byte[VGPU_STUB_RESPONSE_BUF];
    } out;
    union {                 /* what the last block reads found */
        uint32_t reg[VGPU_STUB_RESERVED / 4];
        uint8_t byte[VGPU_STUB_RESERVED];
    } in;
};

VGPU_STUB_ASSERT(sizeof(struct images) <= BAR_PAGE_SIZE);

struct bar {
    volatile uint32_t *reg;     /* NULL: not mapped */
    struct images *images;
};

/*
 * Map the BAR that @fd is the file of; a child of fork() does not get the
 * mapping. Errors: those of mmap(), but -EADDRINUSE the kernel keeps the BAR
 * for a driver. In any case @bar is to be unmapped.
 */
int bar_map(struct bar *bar, int fd);
void bar_unmap(struct bar *bar);

/* As bar_unmap(), in a child of fork(). */
void bar_forget(struct bar *bar);

/* One register in the device */
static inline uint32_t bar_read(const struct bar *bar, unsigned offset)
{
    return bar->reg[offset / 4];
}

static inline void bar_write(const struct bar *bar, unsigned offset,
                             uint32_t value)
{
    bar->reg[offset / 4] = value;
}

/* One register in the images: as it was read, as it is to be written */
static inline uint32_t bar_get(const struct bar *bar, unsigned offset)
{
    return bar->images->in.reg[offset / 4];
}

static inline void bar_put(const struct bar *bar, unsigned offset,
                           uint32_t value)
{
    bar->images->out.reg[offset / 4] = value;
}

/*
 * Read the first @size bytes of the BAR, a multiple of 8, from first to last
 * or from last to first.
 */
void bar_read_up(const struct bar *bar, size_t size);
void bar_read_down(const struct bar *bar, size_t size);

/* Write the first @size bytes, a multiple of 8, last to first. */
void bar_write_down(const struct bar *bar, size_t size);

/* The time of one access, in nanoseconds; it is a read without effect. */
uint32_t bar_measure_access(const struct bar *bar);

#endif /* VGPU_STUB_BAR_H */
