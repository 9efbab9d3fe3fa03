/*
 * libvgpu-stub: a device's BAR, and block moves to and from it
 *
 * SPDX-License-Identifier: MIT
 */
#include "bar.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "block.h"

/* One of them may have been interrupted, so the shortest is what counts */
#define MEASURED_READS 3

int bar_map(struct bar *bar, int fd)
{
    void *reg, *images;

    reg = mmap(NULL, VGPU_STUB_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
               fd, 0);
    if (reg == MAP_FAILED) {
        return errno == EINVAL ? -EADDRINUSE : -errno;
    }
    bar->reg = reg;
    if (madvise(reg, VGPU_STUB_BAR_SIZE, MADV_DONTFORK) < 0) {
        return -errno;
    }
    images = mmap(NULL, sizeof(struct images), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    if (images == MAP_FAILED) {
        return -errno;
    }
    bar->images = images;
    return 0;
}

void bar_unmap(struct bar *bar)
{
    if (bar->reg) {
        munmap((void *)bar->reg, VGPU_STUB_BAR_SIZE);
    }
    bar_forget(bar);
}

void bar_forget(struct bar *bar)
{
    if (bar->images) {
        munmap(bar->images, sizeof(struct images));
    }
}

void bar_read_up(const struct bar *bar, size_t size)
{
    block_move_up(bar->images->in.byte, bar->reg, size / 8);
}

void bar_read_down(const struct bar *bar, size_t size)
{
    block_move_down(bar->images->in.byte, bar->reg, size / 8);
}

void bar_write_down(const struct bar *bar, size_t size)
{
    block_move_down(bar->reg, bar->images->out.byte, size / 8);
}

static int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

uint32_t bar_measure_access(const struct bar *bar)
{
    int64_t shortest = UINT32_MAX;

    for (int i = 0; i < MEASURED_READS; i++) {
        int64_t begin = clock_ns(), ns;

        (void)bar_read(bar, VGPU_STUB_REG_PROTOCOL_VER);
        ns = clock_ns() - begin;
        if (ns < shortest) {
            shortest = ns;
        }
    }
    return shortest;
}
