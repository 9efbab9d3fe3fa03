/*
 * Test results as TAP lines, for programs that test in a guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int tap_count, tap_failures;

/* Count and print a result under a name that is given as for printf(). */
static inline __attribute__((format(printf, 2, 3)))
void tap_ok(bool ok, const char *format, ...)
{
    va_list args;

    tap_count++;
    tap_failures += !ok;
    printf("%sok %d - ", ok ? "" : "not ", tap_count);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* As tap_ok(), and tell the values of a comparison that fails. */
#define tap_equal(actual, expected, ...)                                    \
    do {                                                                    \
        long long actual_ = (actual), expected_ = (expected);               \
                                                                            \
        tap_ok(actual_ == expected_, __VA_ARGS__);                          \
        if (actual_ != expected_) {                                         \
            printf("# %s is %lld, expected %lld\n", #actual, actual_,       \
                   expected_);                                              \
        }                                                                   \
    } while (0)

/* Print the plan; returns the exit status. */
static inline int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif /* TAP_H */
