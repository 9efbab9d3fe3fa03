/*
 * Tests in firmware: each says on the UART whether it went well
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_FIRMWARE_TEST_H
#define SST_FIRMWARE_TEST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Test {
    const char *name;
    void (*run)(void);
} Test;

/* Within a test: print where and what when @value is not @expected. */
#define CHECK_EQ(value, expected) \
    test_check_eq((value), (expected), #value, __LINE__)

void test_check_eq(uint64_t value, uint64_t expected, const char *what,
                   unsigned line);

/* Run all until the one without a name; returns the number that failed. */
unsigned test_run(const Test *tests);

#endif /* SST_FIRMWARE_TEST_H */
