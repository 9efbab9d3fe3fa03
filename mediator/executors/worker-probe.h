/*
 * Tries a pool's backend: a worker that computes something and exits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_PROBE_H
#define MEDIATOR_WORKER_PROBE_H

#include <stdbool.h>

#include "starter-client.h"
#include "worker-root.h"

/* A process that does not end within so many seconds counts as broken; */
#define WORKER_PROBE_TIMEOUT_S 30
/* … one elsewhere may have all steps to do, and a way to go. */
#define WORKER_PROBE_TIMEOUT_FAR_S 90

/* What vgpu-gate --probe exits with: it works, but not in the root. */
#define WORKER_PROBE_EXIT_OPEN 3

typedef struct WorkerProbe WorkerProbe;

/* Reasons are lines of UTF-8, valid during the call. */
typedef struct WorkerProbeResult {
    const char *reason;         /* why the backend does not work, or NULL */
    bool confined;              /* it works in the root */
    const char *open_reason;    /* why not, where that was to be tried */
} WorkerProbeResult;

typedef struct WorkerProbeOptions {
    Starter *starter;
    WorkerRoot *root;
    const char *const *argv;    /* options of a worker, NULL-terminated */
    /* They are a launcher and a gate's, which does all of it there. */
    bool far;
    /* Get the root ready for the driver, and see if it works in there. */
    bool confine;
} WorkerProbeOptions;

/*
 * Try what @options say, and call @done from the main loop when that has
 * ended. The probe is no more then. Returns NULL with a G_IO_ERROR or a
 * G_SPAWN_ERROR when it cannot be started.
 */
WorkerProbe *worker_probe_new(const WorkerProbeOptions *options,
                              void (*done)(gpointer opaque,
                                           const WorkerProbeResult *result),
                              gpointer opaque, GError **error);

/* End it before it is done. */
void worker_probe_free(WorkerProbe *probe);

#endif /* MEDIATOR_WORKER_PROBE_H */
