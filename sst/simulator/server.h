/*
 * The socket of a bus, and the QEMUs that are connected to it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_SERVER_H
#define SST_SIM_SERVER_H

#include <glib.h>

#include "bus.h"

typedef struct Server Server;

/* Listen on @bus->path, which is made anew; NULL with @error set when that is
 * impossible. @bus has to outlive the server. */
Server *server_new(Bus *bus, GError **error);

/* One of the QEMUs may have become idle: see server_idle(). */
typedef void (*ServerIdle)(gpointer opaque);
void server_on_idle(Server *server, ServerIdle func, gpointer opaque);

/*
 * Whether all processors of the connected QEMUs wait for an interrupt. Adds
 * the number of connections to *@connections, and makes *@until earlier if one
 * waits only until then.
 */
bool server_idle(const Server *server, guint *connections, guint64 *until);

/* The time is over that they said. */
void server_end_idle(Server *server);

/* Ends all connections and removes the socket. */
void server_free(Server *server);

#endif /* SST_SIM_SERVER_H */
