/*
 * sst-sim's event queue, clock domains and quantities
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "clock-domain.h"
#include "event-queue.h"
#include "quantity.h"

typedef struct Diary {
    EventQueue *queue;
    GString *text;
} Diary;

typedef struct Entry {
    Diary *diary;
    char letter;
} Entry;

static void note(gpointer opaque)
{
    const Entry *entry = opaque;

    g_string_append_printf(entry->diary->text, "%c%" G_GUINT64_FORMAT " ",
                           entry->letter,
                           event_queue_now(entry->diary->queue));
}

static Event *plan(Diary *diary, guint64 when, char letter)
{
    Entry *entry = g_new(Entry, 1);

    *entry = (Entry) { diary, letter };
    return event_queue_add(diary->queue, when, note, entry, g_free);
}

static Diary diary_new(void)
{
    return (Diary) { event_queue_new(), g_string_new(NULL) };
}

static void diary_check(Diary *diary, const char *text)
{
    g_assert_cmpstr(diary->text->str, ==, text);
    g_string_free(diary->text, TRUE);
    event_queue_free(diary->queue);
}

static void test_order(void)
{
    Diary diary = diary_new();

    plan(&diary, 30, 'c');
    plan(&diary, 10, 'a');
    plan(&diary, 30, 'd');
    plan(&diary, 20, 'b');
    plan(&diary, 31, 'x');
    event_queue_run(diary.queue, 30);
    g_assert_cmpuint(event_queue_now(diary.queue), ==, 30);
    diary_check(&diary, "a10 b20 c30 d30 ");
}

static void test_cancel(void)
{
    Diary diary = diary_new();
    Event *event;

    plan(&diary, 10, 'a');
    event = plan(&diary, 10, 'b');
    plan(&diary, 10, 'c');
    event_queue_cancel(diary.queue, event);
    event_queue_run(diary.queue, 10);
    diary_check(&diary, "a10 c10 ");
}

static void test_past_is_now(void)
{
    Diary diary = diary_new();

    event_queue_run(diary.queue, 50);
    plan(&diary, 10, 'a');
    event_queue_run(diary.queue, 50);
    diary_check(&diary, "a50 ");
}

static void again(gpointer opaque)
{
    Entry *entry = opaque;

    note(entry);
    event_queue_add(entry->diary->queue,
                    event_queue_now(entry->diary->queue) + 10, again, entry,
                    NULL);
}

static void test_events_add_events(void)
{
    Diary diary = diary_new();
    Entry entry = { &diary, 'a' };

    event_queue_add(diary.queue, 5, again, &entry, NULL);
    event_queue_run(diary.queue, 30);
    diary_check(&diary, "a5 a15 a25 ");
}

static void test_never(void)
{
    Diary diary = diary_new();

    plan(&diary, EVENT_NEVER, 'a');
    event_queue_run(diary.queue, EVENT_NEVER - 1);
    diary_check(&diary, "");
}

static void test_many(void)
{
    Diary diary = diary_new();
    GString *expected = g_string_new(NULL);

    for (unsigned i = 0; i < 10000; i++) {
        plan(&diary, i * 7919 % 10000, 'e');
        g_string_append_printf(expected, "e%u ", i);
    }
    event_queue_run(diary.queue, 10000);
    diary_check(&diary, expected->str);
    g_string_free(expected, TRUE);
}

static void test_edges(void)
{
    ClockDomain third = { .hz = 3000000000u };
    ClockDomain slow = { .hz = 1 };

    g_assert_cmpuint(clock_domain_edge(&third, 0), ==, 0);
    g_assert_cmpuint(clock_domain_edge(&third, 1), ==, 334);
    g_assert_cmpuint(clock_domain_edge(&third, 3), ==, 1000);
    /* No error adds up: an hour is an hour. */
    g_assert_cmpuint(clock_domain_edge(&third, 3600 * 3000000000ull), ==,
                     3600 * 1000000000000ull);
    g_assert_cmpuint(clock_domain_edge(&slow, 18446744), ==,
                     18446744000000000000ull);
    g_assert_cmpuint(clock_domain_edge(&slow, 18446745), ==, EVENT_NEVER);
    g_assert_cmpuint(clock_domain_after(&third, EVENT_NEVER - 1, G_MAXUINT32),
                     ==, EVENT_NEVER);
}

/* The edge that a time belongs to is never before it, and the next one. */
static void test_cycles(void)
{
    static const guint64 frequencies[] = {
        1, 999, 32768, 200000000, 1000000000, 3000000001u, CLOCK_MAX_HZ
    };

    for (size_t i = 0; i < G_N_ELEMENTS(frequencies); i++) {
        ClockDomain clock = { .hz = frequencies[i] };

        for (guint64 when = 0; when < 1ull << 62; when = when * 3 + 1) {
            guint64 cycle = clock_domain_cycle(&clock, when);

            g_assert_cmpuint(clock_domain_edge(&clock, cycle), >=, when);
            if (cycle > 0) {
                g_assert_cmpuint(clock_domain_edge(&clock, cycle - 1), <,
                                 when);
            }
        }
    }
}

static void test_quantities(void)
{
    guint64 value = 42;

    g_assert_true(quantity_number("0x10200000", 0, G_MAXUINT64, &value));
    g_assert_cmpuint(value, ==, 0x10200000);
    g_assert_true(quantity_number("18446744073709551615", 0, G_MAXUINT64,
                                  &value));
    g_assert_true(quantity_frequency("32768Hz", &value));
    g_assert_cmpuint(value, ==, 32768);
    g_assert_true(quantity_frequency("1000GHz", &value));
    g_assert_cmpuint(value, ==, CLOCK_MAX_HZ);
    g_assert_true(quantity_time("20ns", &value));
    g_assert_cmpuint(value, ==, 20000);
}

static void test_wrong_quantities(void)
{
    static const char *const texts[] = {
        "", " ", "-1", "+1", " 1", "1 ", "1x", "0x", "0xg", "1.5", "1e3",
        "18446744073709551616", "11", "Hz", "0Hz", "1 Hz", "1hz", "1001GHz",
        "18446744073709551615GHz", "ns", "5", "1h", "3601s", "-1ns",
    };
    guint64 value = 42;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_test_message("'%s'", texts[i]);
        g_assert_false(quantity_number(texts[i], 0, 10, &value) &&
                       g_strcmp0(texts[i], "5") != 0);
        g_assert_false(quantity_frequency(texts[i], &value));
        g_assert_false(quantity_time(texts[i], &value));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event-queue/order", test_order);
    g_test_add_func("/event-queue/cancel", test_cancel);
    g_test_add_func("/event-queue/past-is-now", test_past_is_now);
    g_test_add_func("/event-queue/events-add-events", test_events_add_events);
    g_test_add_func("/event-queue/never", test_never);
    g_test_add_func("/event-queue/many", test_many);
    g_test_add_func("/clock-domain/edges", test_edges);
    g_test_add_func("/clock-domain/cycles", test_cycles);
    g_test_add_func("/quantity/right", test_quantities);
    g_test_add_func("/quantity/wrong", test_wrong_quantities);
    return g_test_run();
}
