/*
 * The pauses between attempts that fail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "executors/start-pauses.h"

static void test_they_grow(void)
{
    StartPauses pauses = { 0 };
    gint64 now = 12345, length = START_PAUSE_MIN;

    /* One alone is an accident, and no reason to refuse others. */
    g_assert_true(start_pauses_failed(&pauses, now, now + 5));
    now += 5;
    for (unsigned i = 2; i <= 100; i++) {
        g_assert_false(start_pauses_wait(&pauses, now));
        g_assert_cmpint(start_pauses_failed(&pauses, now, now + 5), ==,
                        i == 2 || i == 4 || i == 8 || i == 16 ||
                        i == 32 || i == 64);
        now += 5;
        g_assert_true(start_pauses_wait(&pauses, now));
        g_assert_true(start_pauses_wait(&pauses, now + length - 1));
        now += length;
        length = MIN(2 * length, START_PAUSE_MAX);
    }
    g_assert_cmpuint(pauses.failures, ==, 100);
}

/* Many that fail together are one reason. */
static void test_attempts_at_the_same_time(void)
{
    StartPauses pauses = { 0 };

    for (int i = 0; i < 100; i++) {
        start_pauses_failed(&pauses, 1000 + i, 2000 + i);
    }
    g_assert_cmpuint(pauses.failures, ==, 100);
    g_assert_false(start_pauses_wait(&pauses, 2100));
    for (int i = 0; i < 100; i++) {
        start_pauses_failed(&pauses, 2100 + i, 3000 + i);
    }
    g_assert_true(start_pauses_wait(&pauses, 3000 + START_PAUSE_MIN - 1));
    g_assert_false(start_pauses_wait(&pauses, 3000 + START_PAUSE_MIN));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/start-pauses/they-grow", test_they_grow);
    g_test_add_func("/start-pauses/attempts-at-the-same-time",
                    test_attempts_at_the_same_time);
    return g_test_run();
}
