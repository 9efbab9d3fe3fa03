/*
 * Serves a context: requests in, answers out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_SERVER_H
#define WORKER_SERVER_H

#include "session.h"

typedef struct Server Server;

/* Takes over @fd, the socket to the mediator. */
Server *server_new(int fd);
void server_free(Server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)

/*
 * Serve until the mediator wants no more; false on an error, of any domain. The
 * session's memory is what server_grant() is asked for.
 */
bool server_run(Server *server, Session *session, GError **error);

/* A MemoryGrant, with a Server; NULL: nobody is to be asked. */
bool server_grant(gpointer server, uint64_t held, uint64_t wanted,
                   GError **error);

#endif /* WORKER_SERVER_H */
