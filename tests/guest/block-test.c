/*
 * block-test: the block moves of libvgpu-stub, on plain memory
 *
 * Needs neither a device nor a guest. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "block.h"
#include "tap.h"

#define WORDS 8
#define DIRECTION_FLAG (1 << 10)    /* in RFLAGS */

static const uint64_t source[WORDS] = { 11, 12, 13, 14, 15, 16, 17, 18 };

int main(void)
{
    uint64_t target[WORDS] = { 0 };
    uint64_t flags;

    block_move_up(target, source, WORDS - 1);
    tap_ok(memcmp(target, source, (WORDS - 1) * sizeof(uint64_t)) == 0,
           "a read copies the words");
    tap_ok(target[WORDS - 1] == 0, "and no more");

    memset(target, 0, sizeof(target));
    block_move_down(target, source, WORDS - 1);
    tap_ok(memcmp(target, source, (WORDS - 1) * sizeof(uint64_t)) == 0,
           "a write copies the words");
    tap_ok(target[WORDS - 1] == 0, "and no more");

    /* Shifted onto itself, only the direction decides what comes out */
    memcpy(target, source, sizeof(source));
    block_move_down(target + 1, target, WORDS - 1);
    tap_ok(target[0] == source[0] &&
           memcmp(target + 1, source, (WORDS - 1) * sizeof(uint64_t)) == 0,
           "a write goes from the last word to the first");

    memcpy(target, source, sizeof(source));
    block_move_up(target, target + 1, WORDS - 1);
    tap_ok(memcmp(target, source + 1, (WORDS - 1) * sizeof(uint64_t)) == 0,
           "a read goes from the first word to the last");

    block_move_down(target, source, 1);
    tap_ok(target[0] == source[0], "a write of one word");

    block_move_down(target, source, WORDS);
    asm volatile("pushfq\n\tpopq %0" : "=r" (flags));
    tap_ok(!(flags & DIRECTION_FLAG), "the direction flag is cleared again");
    return tap_done();
}
