/*
 * What of a context may run, so that its orders are kept
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "order.h"

struct Order {
    uint32_t number;
    unsigned ready;             /* entries that may run: all local, or none */
    bool local;                 /* which */
    GQueue held;                /* OrderEntry, as they came */
};

struct Orders {
    GHashTable *orders;         /* Order, by their numbers; none is empty */
    OrderReady ready;
    bool stopped;
};

Orders *orders_new(OrderReady ready)
{
    Orders *orders = g_new0(Orders, 1);

    orders->orders = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    orders->ready = ready;
    return orders;
}

void orders_free(Orders *orders)
{
    g_assert(g_hash_table_size(orders->orders) == 0);
    g_hash_table_unref(orders->orders);
    g_free(orders);
}

static Order *orders_get(Orders *orders, uint32_t number)
{
    const gpointer key = GUINT_TO_POINTER(number);
    Order *order = g_hash_table_lookup(orders->orders, key);

    if (order == NULL) {
        order = g_new0(Order, 1);
        order->number = number;
        g_queue_init(&order->held);
        g_hash_table_insert(orders->orders, key, order);
    }
    return order;
}

/* Let those go on that may. */
static void order_advance(Orders *orders, Order *order)
{
    while (!orders->stopped && !g_queue_is_empty(&order->held)) {
        OrderEntry *entry = g_queue_peek_head(&order->held);

        if (order->ready > 0 && order->local != entry->local) {
            return;
        }
        g_queue_unlink(&order->held, &entry->link);
        entry->held = false;
        order->local = entry->local;
        order->ready++;
        orders->ready(entry);
    }
}

void orders_add(Orders *orders, OrderEntry *entry, uint32_t number)
{
    Order *order = orders_get(orders, number);

    entry->order = order;
    entry->held = true;
    entry->link.data = entry;
    g_queue_push_tail_link(&order->held, &entry->link);
    order_advance(orders, order);
}

void orders_remove(Orders *orders, OrderEntry *entry)
{
    Order *order = entry->order;

    if (entry->held) {
        g_queue_unlink(&order->held, &entry->link);
        entry->held = false;
    } else {
        order->ready--;
    }
    entry->order = NULL;
    order_advance(orders, order);
    if (order->ready == 0 && g_queue_is_empty(&order->held)) {
        g_hash_table_remove(orders->orders, GUINT_TO_POINTER(order->number));
    }
}

void orders_stop(Orders *orders)
{
    orders->stopped = true;
}
