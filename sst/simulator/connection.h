/*
 * A QEMU that is connected to a bus
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_CONNECTION_H
#define SST_SIM_CONNECTION_H

#include <gio/gio.h>

#include "bus.h"

typedef struct Connection Connection;

typedef struct ConnectionOps {
    /* The connection has ended; it is to be freed by this function. */
    void (*closed)(Connection *connection, gpointer opaque);

    /* Its QEMU waits for an interrupt: see connection_idle(). */
    void (*idle)(gpointer opaque);
} ConnectionOps;

/* Answer the requests that come through @socket until it ends or a request is
 * none; only this connection is affected by that. @ops is not copied. */
Connection *connection_new(GSocket *socket, Bus *bus, const ConnectionOps *ops,
                           gpointer opaque);

/* Say which level the interrupt line of @device has now. A QEMU that takes
 * nothing is told of many changes as of one. */
void connection_interrupt(Connection *connection, const Device *device);

/*
 * Whether QEMU's processors wait for an interrupt, and nothing is under way
 * that ends it. Makes *@until earlier if they wait only until then.
 */
bool connection_idle(const Connection *connection, guint64 *until);

/* The time has come that connection_idle() said. */
void connection_end_idle(Connection *connection);

void connection_free(Connection *connection);

#endif /* SST_SIM_CONNECTION_H */
