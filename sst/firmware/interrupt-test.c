/*
 * interrupt-test: the interrupts of the simulator's example configuration
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stddef.h>

#include "board.h"
#include "sst-device.h"
#include "test.h"

#define INTERRUPT_ECHO      12
#define INTERRUPT_COMPUTE   13
#define OPERATIONS          100

static SstDevice echo, compute;

static void start(uint32_t value, uint32_t control)
{
    sst_set(&compute, SST_DEVICE_REG_DATA_IN, value);
    sst_set(&compute, SST_DEVICE_REG_CONTROL,
            SST_DEVICE_CONTROL_START | control);
}

/* Software sleeps while the device works, and reads its status once. */
static void test_wait(void)
{
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        start(i, SST_DEVICE_CONTROL_INTERRUPT);
        CHECK_EQ(board_wait_interrupt(), INTERRUPT_COMPUTE);
        CHECK_EQ(sst_get(&compute, SST_DEVICE_REG_STATUS),
                 SST_DEVICE_STATUS_DATA_READY);
        CHECK_EQ(sst_get(&compute, SST_DEVICE_REG_DATA_OUT), i * i);
    }
}

static void test_unwanted(void)
{
    start(3, 0);
    CHECK_EQ(sst_wait(&compute), true);
    CHECK_EQ(board_take_interrupt(), 0);
}

/* The line is up as soon as there is a reason. */
static void test_late_wish(void)
{
    start(4, 0);
    CHECK_EQ(sst_wait(&compute), true);
    sst_set(&compute, SST_DEVICE_REG_CONTROL, SST_DEVICE_CONTROL_INTERRUPT);
    CHECK_EQ(board_take_interrupt(), INTERRUPT_COMPUTE);
}

/* The one that works longer interrupts later. */
static void test_two_devices(void)
{
    sst_set(&echo, SST_DEVICE_REG_CONTROL, SST_DEVICE_CONTROL_INTERRUPT);
    start(5, SST_DEVICE_CONTROL_INTERRUPT);
    sst_set(&echo, SST_DEVICE_REG_DATA_IN, 6);
    CHECK_EQ(board_wait_interrupt(), INTERRUPT_ECHO);
    CHECK_EQ(board_wait_interrupt(), INTERRUPT_COMPUTE);
    CHECK_EQ(sst_get(&echo, SST_DEVICE_REG_DATA_OUT), 6);
    CHECK_EQ(sst_get(&compute, SST_DEVICE_REG_DATA_OUT), 25);
}

int main(void)
{
    static const Test tests[] = {
        { "waiting for an interrupt", test_wait },
        { "an interrupt that nobody wants", test_unwanted },
        { "an interrupt that is wanted later", test_late_wish },
        { "interrupts of two devices", test_two_devices },
        { NULL, NULL }
    };
    unsigned failures;

    echo = sst_device(0);
    compute = sst_device(1);
    board_enable_interrupt(INTERRUPT_ECHO);
    board_enable_interrupt(INTERRUPT_COMPUTE);
    failures = test_run(tests);
    uart_printf("%u reads, %u writes\n", (unsigned)compute.reads,
                (unsigned)compute.writes);
    return failures;
}
