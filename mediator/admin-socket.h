/*
 * The Unix socket through which the operator gives orders
 *
 * A connection carries one order: a line, to which text is the answer; then it
 * ends. Only the socket's owner and group can connect.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_ADMIN_SOCKET_H
#define MEDIATOR_ADMIN_SOCKET_H

#include <glib.h>

/* Bytes of an order; a longer one ends the connection. */
#define ADMIN_MAX_ORDER 4096

/* Connections at a time; another one ends the oldest. */
#define ADMIN_MAX_CLIENTS 16

typedef struct AdminSocket AdminSocket;

/* Append the answer to @order, which has no line end, to @answer. */
typedef void (*AdminHandler)(gpointer opaque, const char *order,
                             GString *answer);

/*
 * Listen at @path, in place of a socket there that nobody listens at any more.
 * Returns NULL and a G_IO_ERROR when that cannot be.
 */
AdminSocket *admin_socket_new(const char *path, AdminHandler handler,
                              gpointer opaque, GError **error);

/* Removes the socket. */
void admin_socket_free(AdminSocket *admin);

#endif /* MEDIATOR_ADMIN_SOCKET_H */
