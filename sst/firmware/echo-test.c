/*
 * echo-test: what every echo device does, whoever simulates it
 *
 * It uses no more of the device than a write to DATA_IN, STATUS.BUSY and
 * DATA_OUT: what CONTROL and a read of DATA_IN do differs between simulators.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stddef.h>

#include "sst-device.h"
#include "test.h"

#define ECHO 0                  /* the first device */

static SstDevice echo;

static void test_echo(void)
{
    static const uint32_t values[] = { 0xdeadbeef, 0, 0x12345678, 1 };

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        sst_set(&echo, SST_DEVICE_REG_DATA_IN, values[i]);
        CHECK_EQ(sst_wait(&echo), true);
        CHECK_EQ(sst_get(&echo, SST_DEVICE_REG_DATA_OUT), values[i]);
    }
}

int main(void)
{
    static const Test tests[] = {
        { "echo", test_echo },
        { NULL, NULL }
    };

    echo = sst_device(ECHO);
    return test_run(tests);
}
