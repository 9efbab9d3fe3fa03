/*
 * What a worker may still do once it serves a guest
 *
 * A kernel of the guest's, or a bug in a driver, may take over the worker. The
 * sandbox is what then stands between it and the host; docs/security.md.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include <glib.h>
#include <stdbool.h>

#include "closure.h"

/*
 * Close the file system with @closure, which is freed, or leave it as it is
 * with NULL. Then give up for good what the worker needs no more, in all its
 * threads and in whatever it starts:
 *
 * "cpu"     It may use the descriptors that it has, allocate memory, ask for
 *           the time and for random numbers, and exit. Anything else ends the
 *           process with SIGSYS; no file can be opened any more.
 * "opencl", Their drivers need much. What fails, with EPERM, is a socket or a
 * "cuda"    connection of any kind, debugging, signals and limits for other
 *           processes, namespaces, mounts, keys, BPF, modules, and to run a
 *           program, which is left to "opencl": PoCL runs the linker.
 *
 * All of them: no new privileges, no core files, unreadable for other processes
 * of the same user.
 *
 * Errors: G_IO_ERROR, and the worker must not go on.
 */
bool sandbox_enter(const char *backend, Closure *closure, GError **error);

#endif /* WORKER_SANDBOX_H */
