/*
 * Device time, by a virtual clock
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/device-time.h"

#define SECOND G_TIME_SPAN_SECOND
#define MANY 64

static void test_alone(void)
{
    DeviceTime time = { 0 };
    DeviceUser user = { 0 };

    device_time_begin(&time, &user, 5 * SECOND);
    g_assert_cmpint(device_time_end(&time, &user, 17 * SECOND), ==,
                    12 * SECOND);
    /* What passes in between counts for nobody. */
    device_time_begin(&time, &user, 1000 * SECOND);
    g_assert_cmpint(device_time_end(&time, &user, 1000 * SECOND + 1), ==, 1);
}

/* Several requests of one are at work for as long as one of them is. */
static void test_window(void)
{
    DeviceTime time = { 0 };
    DeviceUser user = { 0 };

    device_time_begin(&time, &user, 1 * SECOND);
    device_time_begin(&time, &user, 2 * SECOND);
    device_time_begin(&time, &user, 3 * SECOND);
    g_assert_cmpint(device_time_end(&time, &user, 4 * SECOND), ==,
                    3 * SECOND);
    g_assert_cmpint(device_time_end(&time, &user, 4 * SECOND), ==, 0);
    g_assert_cmpint(device_time_end(&time, &user, 9 * SECOND), ==,
                    5 * SECOND);
}

/* However many requests each has: they share equally. */
static void test_windows_gain_nothing(void)
{
    DeviceTime time = { 0 };
    DeviceUser deep = { 0 }, shallow = { 0 };
    gint64 had = 0;

    device_time_begin(&time, &shallow, 0);
    for (int i = 0; i < MANY; i++) {
        device_time_begin(&time, &deep, 0);
    }
    for (int i = 1; i <= MANY; i++) {
        had += device_time_end(&time, &deep, i * SECOND);
    }
    g_assert_cmpint(had, ==, MANY * SECOND / 2);
    g_assert_cmpint(device_time_end(&time, &shallow, MANY * SECOND), ==,
                    MANY * SECOND / 2);
}

/* For 12 s: 12 s in all, however many there are */
static void test_in_parallel(void)
{
    for (unsigned count = 1; count <= MANY; count++) {
        DeviceTime time = { 0 };
        DeviceUser users[MANY] = { 0 };
        gint64 all = 0;

        for (unsigned i = 0; i < count; i++) {
            device_time_begin(&time, &users[i], SECOND);
        }
        for (unsigned i = 0; i < count; i++) {
            gint64 had = device_time_end(&time, &users[i], 13 * SECOND);

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
    DeviceUser first = { 0 }, second = { 0 };

    device_time_begin(&time, &first, 0);
    device_time_begin(&time, &second, 6 * SECOND);
    g_assert_cmpint(device_time_end(&time, &second, 10 * SECOND), ==,
                    2 * SECOND);
    g_assert_cmpint(device_time_end(&time, &first, 11 * SECOND), ==,
                    9 * SECOND);
}

/* Whoever comes and goes: the sum is the time in which anybody was there. */
static void test_nothing_is_lost(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    DeviceTime time = { 0 };
    DeviceUser users[MANY] = { 0 };
    gint64 now = 0, busy = 0, all = 0;

    for (int step = 0; step < 100000; step++) {
        const gint64 passed = g_rand_int_range(random, 0, 3000);
        DeviceUser *user = &users[g_rand_int_range(random, 0, MANY)];

        busy += time.busy > 0 ? passed : 0;
        now += passed;
        if (user->requests > 0 && g_rand_boolean(random)) {
            all += device_time_end(&time, user, now);
        } else if (user->requests > 0 ? user->requests < 5 :
                   g_rand_int_range(random, 0, 40) == 0) {
            device_time_begin(&time, user, now);
        }
    }
    for (unsigned i = 0; i < MANY; i++) {
        while (users[i].requests > 0) {
            all += device_time_end(&time, &users[i], now);
        }
    }
    g_assert_cmpint(all, <=, busy);
    g_assert_cmpint(all, >, busy - busy / 1000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device-time/alone", test_alone);
    g_test_add_func("/device-time/window", test_window);
    g_test_add_func("/device-time/windows-gain-nothing",
                    test_windows_gain_nothing);
    g_test_add_func("/device-time/in-parallel", test_in_parallel);
    g_test_add_func("/device-time/each-has-its-part", test_each_has_its_part);
    g_test_add_func("/device-time/nothing-is-lost", test_nothing_is_lost);
    return g_test_run();
}
