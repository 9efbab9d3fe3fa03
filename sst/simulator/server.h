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

/* Ends all connections and removes the socket. */
void server_free(Server *server);

#endif /* SST_SIM_SERVER_H */
