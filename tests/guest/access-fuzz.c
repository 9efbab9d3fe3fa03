/*
 * access-fuzz: a hostile guest's accesses to the device's BAR
 *
 * Reads and writes at random offsets, aligned or not, with random widths and
 * values. Pure chance would hardly ever ring the doorbell: half of the
 * offsets are those of registers, half of the values are ones that mean
 * something there.
 *
 * Usage: access-fuzz [COUNT [SEED]]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "raw-bar.h"

static uint64_t state;

/* xorshift64: the same seed gives the same accesses everywhere */
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t random_below(uint64_t limit)
{
    return (next_random() >> 16) % limit;
}

static unsigned random_offset(unsigned width)
{
    if (random_below(2)) {
        return random_below(VGPU_STUB_REQUEST_BUF / 4) * 4;
    }
    return random_below(VGPU_STUB_BAR_SIZE - width + 1);
}

static uint64_t random_value(void)
{
    static const uint64_t telling[] = {
        0, VGPU_STUB_DOORBELL_SUBMIT, VGPU_STUB_DOORBELL_ACK, 3,
        sizeof(struct vgpu_stub_request), VGPU_STUB_BUF_SIZE - 1,
        VGPU_STUB_BUF_SIZE, VGPU_STUB_BUF_SIZE + 1,
        VGPU_STUB_PROTOCOL_VERSION, INT32_MAX, UINT32_MAX, UINT64_MAX,
        /* two registers, DOORBELL and STATUS for instance, at once */
        0x100000001, 0x200000002,
    };

    if (random_below(2)) {
        return telling[random_below(sizeof(telling) / sizeof(telling[0]))];
    }
    return next_random();
}

/* An instruction each: C does not promise that for unaligned accesses */
static void write_bar(volatile void *to, unsigned width, uint64_t value)
{
    switch (width) {
    case 1:
        asm volatile("movb %b1, (%0)" : : "r" (to), "q" (value) : "memory");
        break;
    case 2:
        asm volatile("movw %w1, (%0)" : : "r" (to), "r" (value) : "memory");
        break;
    case 4:
        asm volatile("movl %k1, (%0)" : : "r" (to), "r" (value) : "memory");
        break;
    case 8:
        asm volatile("movq %1, (%0)" : : "r" (to), "r" (value) : "memory");
        break;
    }
}

static void read_bar(const volatile void *from, unsigned width)
{
    uint64_t value;

    switch (width) {
    case 1:
        asm volatile("movb (%1), %b0" : "=q" (value) : "r" (from) : "memory");
        break;
    case 2:
        asm volatile("movw (%1), %w0" : "=r" (value) : "r" (from) : "memory");
        break;
    case 4:
        asm volatile("movl (%1), %k0" : "=r" (value) : "r" (from) : "memory");
        break;
    case 8:
        asm volatile("movq (%1), %0" : "=r" (value) : "r" (from) : "memory");
        break;
    }
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
    unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
    char bdf[VGPU_STUB_BDF_SIZE];
    struct vgpu_stub *dev;
    volatile uint8_t *bar;

    if (count == 0 || seed == 0) {
        errx(EXIT_FAILURE, "COUNT and SEED are numbers from 1");
    }
    first_device(bdf);
    if (vgpu_stub_open(bdf, &dev) < 0) {    /* turns memory decoding on */
        errx(EXIT_FAILURE, "cannot open %s", bdf);
    }
    bar = map_raw_bar(bdf);
    printf("access-fuzz: %s, %lu accesses, seed %lu\n", bdf, count, seed);
    fflush(stdout);

    state = seed;
    for (unsigned long i = 0; i < count; i++) {
        unsigned width = 1u << random_below(4);
        unsigned offset = random_offset(width);

        if (random_below(2)) {
            write_bar(bar + offset, width, random_value());
        } else {
            read_bar(bar + offset, width);
        }
    }
    printf("access-fuzz: %lu accesses done, seed %lu\n", count, seed);
    return EXIT_SUCCESS;
}
