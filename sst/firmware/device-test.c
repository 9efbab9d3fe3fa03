/*
 * device-test: the devices of the simulator's example configuration, as
 * software meets them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stddef.h>

#include "board.h"
#include "sst-device.h"
#include "test.h"

#define DEVICES         3
#define MEMORY_BURST    0x100   /* bursts go here; messages to offset 0 */
#define BURST_WORDS     256

static SstDevice devices[DEVICES + 1];
static SstDevice *const echo = &devices[0];
static SstDevice *const compute = &devices[1];
static SstDevice *const memory = &devices[2];

static uint64_t ones(unsigned size)
{
    return size == 8 ? ~0ull : (1ull << 8 * size) - 1;
}

static uint32_t status(SstDevice *device)
{
    return sst_get(device, SST_DEVICE_REG_STATUS);
}

static void reset(SstDevice *device)
{
    sst_set(device, SST_DEVICE_REG_CONTROL, SST_DEVICE_CONTROL_RESET);
}

static void test_as_many_as_expected(void)
{
    unsigned found = 0;

    while (found <= DEVICES && sst_probe(&devices[found])) {
        found++;
    }
    CHECK_EQ(found, DEVICES);
}

static void test_write_and_read_back(void)
{
    static const uint32_t values[] = { 0, 1, 0x12345678, 0xffffffff };

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        sst_set(echo, SST_DEVICE_REG_DATA_IN, values[i]);
        CHECK_EQ(sst_get(echo, SST_DEVICE_REG_DATA_IN), values[i]);
        CHECK_EQ(sst_wait(echo), true);
        CHECK_EQ(sst_get(echo, SST_DEVICE_REG_DATA_OUT), values[i]);
    }
}

static void test_status(void)
{
    reset(echo);
    CHECK_EQ(status(echo), 0);
    sst_set(echo, SST_DEVICE_REG_DATA_IN, 1);
    CHECK_EQ(status(echo), SST_DEVICE_STATUS_BUSY);
    sst_set(echo, SST_DEVICE_REG_DATA_IN, 2);
    CHECK_EQ(status(echo), SST_DEVICE_STATUS_BUSY | SST_DEVICE_STATUS_ERROR);
    CHECK_EQ(sst_wait(echo), true);
    CHECK_EQ(status(echo),
             SST_DEVICE_STATUS_DATA_READY | SST_DEVICE_STATUS_ERROR);
    CHECK_EQ(sst_get(echo, SST_DEVICE_REG_DATA_OUT), 1);
    reset(echo);
    CHECK_EQ(status(echo), 0);
    CHECK_EQ(sst_get(echo, SST_DEVICE_REG_DATA_OUT), 0);
}

static void test_compute(void)
{
    static const uint32_t values[] = { 0, 3, 1000, 0x10001 };

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        sst_set(compute, SST_DEVICE_REG_DATA_IN, values[i]);
        sst_set(compute, SST_DEVICE_REG_CONTROL, SST_DEVICE_CONTROL_START);
        CHECK_EQ(status(compute) & SST_DEVICE_STATUS_BUSY,
                 SST_DEVICE_STATUS_BUSY);
        CHECK_EQ(sst_wait(compute), true);
        CHECK_EQ(sst_get(compute, SST_DEVICE_REG_DATA_OUT),
                 values[i] * values[i]);
    }
}

/* Each size at each place in 8 bytes, the bytes around it untouched */
static void test_every_size(void)
{
    static const uint64_t pattern = 0x8877665544332211;

    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned at = 0; at < 8; at += size) {
            uint64_t shift = 8 * at;
            uint64_t expected = pattern & ~(ones(size) << shift);

            sst_write(memory, MEMORY_BURST, 8, pattern);
            CHECK_EQ(sst_read(memory, MEMORY_BURST + at, size),
                     pattern >> shift & ones(size));
            sst_write(memory, MEMORY_BURST + at, size, 0);
            CHECK_EQ(sst_read(memory, MEMORY_BURST, 8), expected);
        }
    }
}

static void test_burst(void)
{
    for (unsigned i = 0; i < BURST_WORDS; i++) {
        sst_set(memory, MEMORY_BURST + 4 * i, 0x01000193 * (i + 1));
    }
    for (unsigned i = 0; i < BURST_WORDS; i++) {
        CHECK_EQ(sst_get(memory, MEMORY_BURST + 4 * i),
                 0x01000193 * (i + 1));
    }
}

/* What compute computed before went to the beginning of memory. */
static void test_link(void)
{
    uint32_t deadline = 1000;

    CHECK_EQ(sst_read(memory, 0, 8), 0);
    CHECK_EQ(sst_read(memory, 8, 8), 9);
    CHECK_EQ(sst_read(memory, 16, 8), 1000000);
    while (sst_read(memory, 24, 8) == 0 && --deadline > 0) {
    }
    CHECK_EQ(sst_read(memory, 24, 8), 0x100020001);
}

static void test_all_at_once(void)
{
    for (uint32_t i = 1; i <= 16; i++) {
        sst_set(compute, SST_DEVICE_REG_DATA_IN, i);
        sst_set(compute, SST_DEVICE_REG_CONTROL, SST_DEVICE_CONTROL_START);
        sst_set(echo, SST_DEVICE_REG_DATA_IN, ~i);
        sst_set(memory, MEMORY_BURST + 4 * i, i << 16);
        CHECK_EQ(sst_wait(echo), true);
        CHECK_EQ(sst_wait(compute), true);
        CHECK_EQ(sst_get(echo, SST_DEVICE_REG_DATA_OUT), ~i);
        CHECK_EQ(sst_get(compute, SST_DEVICE_REG_DATA_OUT), i * i);
        CHECK_EQ(sst_get(memory, MEMORY_BURST + 4 * i), i << 16);
    }
}

/* Where the device has nothing, all bits are read, and writes are lost. */
static void test_error_access(void)
{
    for (unsigned size = 1; size <= 8; size *= 2) {
        CHECK_EQ(sst_read(echo, 0x800, size), ones(size));
    }
    sst_set(echo, 0x800, 0);
    /* If writes are posted, its error shows here. */
    sst_get(echo, SST_DEVICE_REG_DATA_IN);
    sst_set(echo, SST_DEVICE_REG_DATA_IN, 5);
    CHECK_EQ(sst_get(echo, SST_DEVICE_REG_DATA_IN), 5);
}

static void print_counts(void)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        uart_printf("device %u: %u reads, %u writes, %u bytes\n", i,
                    (unsigned)devices[i].reads, (unsigned)devices[i].writes,
                    (unsigned)devices[i].bytes);
    }
}

int main(void)
{
    static const Test tests[] = {
        { "as many devices as expected", test_as_many_as_expected },
        { "write and read back", test_write_and_read_back },
        { "status of an operation", test_status },
        { "computing", test_compute },
        { "every size of access", test_every_size },
        { "bursts", test_burst },
        { "a link between devices", test_link },
        { "all devices at once", test_all_at_once },
        { "access to nothing", test_error_access },
        { NULL, NULL }
    };
    unsigned failures;

    for (unsigned i = 0; i <= DEVICES; i++) {
        devices[i] = sst_device(i);
    }
    failures = test_run(tests);
    print_counts();
    return failures;
}
