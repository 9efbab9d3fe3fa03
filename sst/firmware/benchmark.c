/*
 * benchmark: how long accesses to the memory device take
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stddef.h>

#include "board.h"
#include "sst-device.h"

#define MEMORY      2           /* its number in the example configuration */
#define ACCESSES    10000

static SstDevice memory;

static void read_words(void)
{
    for (unsigned i = 0; i < ACCESSES; i++) {
        sst_get(&memory, 0);
    }
}

/* The read at the end waits for writes that were posted. */
static void write_words(void)
{
    for (unsigned i = 0; i < ACCESSES - 1; i++) {
        sst_set(&memory, 0, i);
    }
    sst_get(&memory, 0);
}

static void measure(const char *what, void (*run)(void))
{
    uint32_t cycles = board_cycles();
    uint64_t begin = board_time();
    uint32_t ticks;

    run();
    ticks = board_time() - begin;
    cycles = board_cycles() - cycles;
    uart_printf("%s: %u accesses, %u us, %u cycles each\n", what, ACCESSES,
                (unsigned)(ticks / (BOARD_MTIME_HZ / 1000000)),
                (unsigned)(cycles / ACCESSES));
}

int main(void)
{
    memory = sst_device(MEMORY);
    measure("read", read_words);
    measure("write", write_words);
    return 0;
}
