/*
 * Tries a pool's backend: a worker that opens it and exits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_PROBE_H
#define MEDIATOR_WORKER_PROBE_H

#include "starter-client.h"

/* After that many seconds a backend that does not answer counts as broken. */
#define WORKER_PROBE_TIMEOUT_S 30

typedef struct WorkerProbe WorkerProbe;

/*
 * Have @starter start a worker with @argv, NULL-terminated, and call @done from
 * the main loop when it has ended, with NULL when the backend works, else with
 * the reason why not, a line of UTF-8. The probe is no more then. Returns NULL
 * with a G_IO_ERROR when it cannot be started.
 */
WorkerProbe *worker_probe_new(Starter *starter, const char *const *argv,
                              void (*done)(gpointer opaque,
                                           const char *reason),
                              gpointer opaque, GError **error);

/* End it before it is done. */
void worker_probe_free(WorkerProbe *probe);

#endif /* MEDIATOR_WORKER_PROBE_H */
