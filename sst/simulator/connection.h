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

/* The connection has ended; it is to be freed by this function. */
typedef void (*ConnectionClosed)(Connection *connection, gpointer opaque);

/* Answer the requests that come through @socket until it ends or a request is
 * none; only this connection is affected by that. */
Connection *connection_new(GSocket *socket, Bus *bus, ConnectionClosed closed,
                           gpointer opaque);
void connection_free(Connection *connection);

#endif /* SST_SIM_CONNECTION_H */
