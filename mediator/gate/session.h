/*
 * A worker here, for a mediator at the other end of a stream
 *
 * The worker is one as any other: it has its requests from a socket and an arena
 * that it shares with this process, which checks what it says and measures how
 * long it takes. protocol/worker-protocol.h is what is said over the stream. When
 * that ends, when it says nothing for WORKER_SILENCE_S, or when the worker has
 * ended, all is over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GATE_SESSION_H
#define GATE_SESSION_H

#include <stdbool.h>

#include "executors/starter-client.h"

/*
 * Serve the stream that is @in and @out, which are taken over, with a worker that
 * @starter starts with the options @argv, NULL-terminated. Returns when nothing is
 * left of the worker: false with @error when it was not the stream's end that was
 * the reason, and the other side is not told of it.
 */
bool session_serve(Starter *starter, const char *const *argv, int in, int out,
                   GError **error);

#endif /* GATE_SESSION_H */
