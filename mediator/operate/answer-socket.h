/*
 * A Unix socket where questions are answered
 *
 * A connection carries one request, which ends with a given text, to which text
 * is the answer; then it ends. Only the socket's owner and group can connect.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_ANSWER_SOCKET_H
#define MEDIATOR_ANSWER_SOCKET_H

#include <glib.h>

/* Bytes of a request; a longer one ends the connection. */
#define ANSWER_MAX_REQUEST 4096

/* Connections at a time; another one ends the oldest. */
#define ANSWER_MAX_CLIENTS 16

/*
 * Milliseconds until another connection is tried to be accepted, after there was
 * no descriptor for one; it waits, and the daemon does what else there is.
 */
#define ANSWER_PAUSE_MS 500

typedef struct AnswerSocket AnswerSocket;

/* Append the answer to @request, without its end, to @answer. */
typedef void (*AnswerHandler)(gpointer opaque, const char *request,
                              GString *answer);

/*
 * Listen at @path, in place of a socket there that nobody listens at any more,
 * for requests that end with @end, a constant. Returns NULL and a G_IO_ERROR
 * when that cannot be.
 */
AnswerSocket *answer_socket_new(const char *path, const char *end,
                                AnswerHandler handler, gpointer opaque,
                                GError **error);

/* Removes the socket. */
void answer_socket_free(AnswerSocket *answers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AnswerSocket, answer_socket_free)

#endif /* MEDIATOR_ANSWER_SOCKET_H */
