/*
 * What of a context may run, so that its orders are kept
 *
 * Requests of one order run one after the other, in the order in which they
 * came; those of other orders don't concern them. Who executes them keeps what
 * it is given in order, but there are two who do: a worker, and the mediator
 * itself. So what one of them executes is held back while the other still has
 * something of the same order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_ORDER_H
#define MEDIATOR_ORDER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Orders Orders;
typedef struct Order Order;

/* A request's part; its owner embeds it. Zero at first */
typedef struct OrderEntry {
    bool local;                 /* the owner's to set: the mediator executes it */
    bool held;                  /* it may not run yet; to read */
    Order *order;
    GList link;
} OrderEntry;

/* @entry may run now. It must not be removed in here. */
typedef void (*OrderReady)(OrderEntry *entry);

/* Those of one context */
Orders *orders_new(OrderReady ready);

/* Nothing is in them by then. */
void orders_free(Orders *orders);

/* @entry has come, of the order @number. It may run now, or later. */
void orders_add(Orders *orders, OrderEntry *entry, uint32_t number);

/* It has ended, whether it could run or not. Others may, now. */
void orders_remove(Orders *orders, OrderEntry *entry);

/* From now on what is held may not run at all; it is to be removed. */
void orders_stop(Orders *orders);

#endif /* MEDIATOR_ORDER_H */
