/*
 * Orders of a context: what may run when
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/order.h"

#define ENTRIES 400

typedef struct Entry {
    OrderEntry entry;
    uint32_t number;            /* of the order */
    bool there;
    bool ready;
} Entry;

static void ready(OrderEntry *opaque)
{
    Entry *entry = (Entry *)opaque;

    g_assert_true(entry->there && !entry->ready);
    entry->ready = true;
}

static void add(Orders *orders, Entry *entry, uint32_t number, bool local)
{
    *entry = (Entry) {
        .entry.local = local, .number = number, .there = true,
    };
    orders_add(orders, &entry->entry, number);
    g_assert_true(entry->ready != entry->entry.held);
}

static void end(Orders *orders, Entry *entry)
{
    entry->there = false;
    orders_remove(orders, &entry->entry);
}

/* What the same one executes goes on, what the other does waits. */
static void test_two_who_execute(void)
{
    Orders *orders = orders_new(ready);
    Entry worker[3], local[2];

    add(orders, &worker[0], 7, false);
    add(orders, &worker[1], 7, false);
    add(orders, &local[0], 7, true);
    add(orders, &local[1], 7, true);
    add(orders, &worker[2], 7, false);
    g_assert_true(worker[0].ready && worker[1].ready);
    g_assert_false(local[0].ready || local[1].ready || worker[2].ready);
    end(orders, &worker[1]);
    g_assert_false(local[0].ready);
    end(orders, &worker[0]);
    g_assert_true(local[0].ready && local[1].ready && !worker[2].ready);
    end(orders, &local[0]);
    end(orders, &local[1]);
    g_assert_true(worker[2].ready);
    end(orders, &worker[2]);
    orders_free(orders);
}

/* What is held may end, and then it holds up nobody. */
static void test_end_while_held(void)
{
    Orders *orders = orders_new(ready);
    Entry worker[2], local;

    add(orders, &worker[0], 0, false);
    add(orders, &local, 0, true);
    add(orders, &worker[1], 0, false);
    g_assert_false(worker[1].ready);
    end(orders, &local);
    g_assert_true(worker[1].ready);
    end(orders, &worker[0]);
    end(orders, &worker[1]);
    orders_free(orders);
}

static void test_others_go_on(void)
{
    Orders *orders = orders_new(ready);
    Entry worker, held, other;

    add(orders, &worker, 1, false);
    add(orders, &held, 1, true);
    add(orders, &other, G_MAXUINT32, true);
    g_assert_true(!held.ready && other.ready);
    end(orders, &other);
    end(orders, &worker);
    end(orders, &held);
    orders_free(orders);
}

static void test_stopped(void)
{
    Orders *orders = orders_new(ready);
    Entry worker, held[2];

    add(orders, &worker, 1, false);
    add(orders, &held[0], 1, true);
    orders_stop(orders);
    end(orders, &worker);
    add(orders, &held[1], 1, true);
    g_assert_false(held[0].ready || held[1].ready);
    end(orders, &held[0]);
    end(orders, &held[1]);
    orders_free(orders);
}

/* The first of an order that is there is ready, and those of its kind after. */
static void check(const Entry *entries, unsigned count)
{
    bool seen[4] = { false }, local[4], mixed[4] = { false };

    for (unsigned i = 0; i < count; i++) {
        const Entry *entry = &entries[i];
        const uint32_t n = entry->number;

        if (!entry->there) {
            continue;
        }
        if (!seen[n]) {
            seen[n] = true;
            local[n] = entry->entry.local;
        }
        mixed[n] = mixed[n] || local[n] != entry->entry.local;
        g_assert_true(entry->ready == !mixed[n]);
    }
}

static void test_anything(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    Orders *orders = orders_new(ready);
    Entry entries[ENTRIES];
    unsigned count = 0, ended = 0;

    while (ended < ENTRIES) {
        if (count < ENTRIES && g_rand_boolean(random)) {
            add(orders, &entries[count++], g_rand_int_range(random, 0, 4),
                g_rand_boolean(random));
        } else if (count > 0) {
            Entry *entry = &entries[g_rand_int_range(random, 0, count)];

            if (entry->there) {
                end(orders, entry);
                ended++;
            }
        }
        check(entries, count);
    }
    orders_free(orders);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/order/two-who-execute", test_two_who_execute);
    g_test_add_func("/order/end-while-held", test_end_while_held);
    g_test_add_func("/order/others-go-on", test_others_go_on);
    g_test_add_func("/order/stopped", test_stopped);
    g_test_add_func("/order/anything", test_anything);
    return g_test_run();
}
