/*
 * Device time, by a virtual clock
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/device-time.h"

#include <stdbool.h>

#define SECOND G_TIME_SPAN_SECOND
#define MANY 64

static void test_alone(void)
{
    DeviceTime time = { 0 };
    gint64 begin = device_time_begin(&time, 5 * SECOND);

    g_assert_cmpint(device_time_end(&time, begin, 17 * SECOND), ==,
                    12 * SECOND);
    /* What passes in between counts for nobody. */
    begin = device_time_begin(&time, 1000 * SECOND);
    g_assert_cmpint(device_time_end(&time, begin, 1000 * SECOND + 1), ==, 1);
}

/* For 12 s: 12 s in all, however many there are */
static void test_in_parallel(void)
{
    for (unsigned count = 1; count <= MANY; count++) {
        DeviceTime time = { 0 };
        gint64 begins[MANY], all = 0;

        for (unsigned i = 0; i < count; i++) {
            begins[i] = device_time_begin(&time, SECOND);
        }
        for (unsigned i = 0; i < count; i++) {
            gint64 had = device_time_end(&time, begins[i], 13 * SECOND);

            g_assert_cmpint(had, ==, 12 * SECOND / count);
            all += had;
        }
        g_assert_cmpint(all, >, 12 * SECOND - count);
        g_assert_cmpint(all, <=, 12 * SECOND);
    }
}

static void test_each_has_its_part(void)
{
    DeviceTime time = { 0 };
    gint64 first = device_time_begin(&time, 0);
    gint64 second = device_time_begin(&time, 6 * SECOND);

    g_assert_cmpint(device_time_end(&time, second, 10 * SECOND), ==,
                    2 * SECOND);
    g_assert_cmpint(device_time_end(&time, first, 11 * SECOND), ==,
                    9 * SECOND);
}

/* Whoever comes and goes: the sum is the time in which anybody was there. */
static void test_nothing_is_lost(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    DeviceTime time = { 0 };
    gint64 begins[MANY] = { 0 }, now = 0, busy = 0, all = 0;
    bool runs[MANY] = { false };

    for (int step = 0; step < 100000; step++) {
        const gint64 passed = g_rand_int_range(random, 0, 3000);
        const unsigned i = g_rand_int_range(random, 0, MANY);

        busy += time.busy > 0 ? passed : 0;
        now += passed;
        if (runs[i]) {
            all += device_time_end(&time, begins[i], now);
        } else if (g_rand_int_range(random, 0, 40) == 0) {
            begins[i] = device_time_begin(&time, now);
        } else {
            continue;
        }
        runs[i] = !runs[i];
    }
    for (unsigned i = 0; i < MANY; i++) {
        all += runs[i] ? device_time_end(&time, begins[i], now) : 0;
    }
    g_assert_cmpint(all, <=, busy);
    g_assert_cmpint(all, >, busy - busy / 1000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device-time/alone", test_alone);
    g_test_add_func("/device-time/in-parallel", test_in_parallel);
    g_test_add_func("/device-time/each-has-its-part", test_each_has_its_part);
    g_test_add_func("/device-time/nothing-is-lost", test_nothing_is_lost);
    return g_test_run();
}
