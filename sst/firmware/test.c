/*
 * Tests in firmware
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "test.h"

#include <stddef.h>

#include "board.h"

static bool failed;             /* the running test */

void test_check_eq(uint64_t value, uint64_t expected, const char *what,
                   unsigned line)
{
    if (value != expected) {
        uart_printf("line %u: %s is %x%x, not %x%x\n", line, what,
                    (unsigned)(value >> 32), (unsigned)value,
                    (unsigned)(expected >> 32), (unsigned)expected);
        failed = true;
    }
}

unsigned test_run(const Test *tests)
{
    unsigned failures = 0;

    for (const Test *test = tests; test->name != NULL; test++) {
        failed = false;
        test->run();
        failures += failed;
        uart_printf("%s: %s\n", test->name, failed ? "FAIL" : "ok");
    }
    return failures;
}
