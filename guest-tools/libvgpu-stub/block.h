/*
 * libvgpu-stub: block moves between memory and a BAR
 *
 * A plain loop over a BAR traps to the hypervisor at every access. Xen gives
 * the device model a whole `rep movs` at once, so a block costs as much as a
 * single access there. It does so as long as the block's memory does not
 * cross a page; both sides are to be 8-byte aligned.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_BLOCK_H
#define VGPU_STUB_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#ifndef __x86_64__
#error "block moves exist for x86-64 only"
#endif

/* Read @count 64-bit words, first to last. */
static inline void block_read(void *to, const volatile void *from,
                              size_t count)
{
    asm volatile("rep movsq"
                 : "+D" (to), "+S" (from), "+c" (count)
                 :
                 : "memory");
}

/* Write @count 64-bit words, 1 or more, last to first. */
static inline void block_write_down(volatile void *to, const void *from,
                                    size_t count)
{
    volatile uint64_t *last_to = (volatile uint64_t *)to + count - 1;
    const uint64_t *last_from = (const uint64_t *)from + count - 1;

    asm volatile("std\n\t"
                 "rep movsq\n\t"
                 "cld"
                 : "+D" (last_to), "+S" (last_from), "+c" (count)
                 :
                 : "memory", "cc");
}

#endif /* VGPU_STUB_BLOCK_H */
