/*
 * libvgpu-stub: block moves between memory and a BAR
 *
 * A plain loop over a BAR traps to the hypervisor at every access. Xen gives
 * the device model a whole `rep movs` at once, so a block costs as much as a
 * single access there. It does so as long as the block's memory does not
 * cross a page; both sides are to be 8-byte aligned. Other processors have no
 * such instruction, and get the loop, as does who defines BLOCK_LOOP.
 *
 * Each function moves @count 64-bit words, 1 or more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_BLOCK_H
#define VGPU_STUB_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the device is little-endian, and so must the processor be"
#endif

#if defined(__x86_64__) && !defined(BLOCK_LOOP)

static inline void block_move_up(volatile void *to, const volatile void *from,
                                 size_t count)
{
    asm volatile("rep movsq"
                 : "+D" (to), "+S" (from), "+c" (count)
                 :
                 : "memory");
}

static inline void block_move_down(volatile void *to,
                                   const volatile void *from, size_t count)
{
    volatile uint64_t *last_to = (volatile uint64_t *)to + count - 1;
    const volatile uint64_t *last_from =
        (const volatile uint64_t *)from + count - 1;

    asm volatile("std\n\t"
                 "rep movsq\n\t"
                 "cld"
                 : "+D" (last_to), "+S" (last_from), "+c" (count)
                 :
                 : "memory", "cc");
}

#else

/* The barriers keep what is memory in order with what is a register. */

static inline void block_move_up(volatile void *to, const volatile void *from,
                                 size_t count)
{
    __sync_synchronize();
    for (size_t i = 0; i < count; i++) {
        ((volatile uint64_t *)to)[i] = ((const volatile uint64_t *)from)[i];
    }
    __sync_synchronize();
}

static inline void block_move_down(volatile void *to,
                                   const volatile void *from, size_t count)
{
    __sync_synchronize();
    while (count-- > 0) {
        ((volatile uint64_t *)to)[count] =
            ((const volatile uint64_t *)from)[count];
    }
    __sync_synchronize();
}

#endif

#endif /* VGPU_STUB_BLOCK_H */
