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

/*
 * Give up for good what the worker needs no more, in all its threads and in
 * whatever it starts:
 *
 * "cpu"     It may use the descriptors that it has, allocate memory, ask for
 *           the time and for random numbers, and exit. Anything else ends the
 *           process with SIGSYS; so do files, which a log has to be open for.
 * "opencl", Their drivers need much. No network and no connection to any
 * "cuda"    socket, no debugging, signals or limits for other processes, no
 *           namespaces, mounts, keys, BPF or modules, and no other programs;
 *           but PoCL, an OpenCL driver, runs the linker. It ends in EPERM.
 *
 * All of them: no new privileges, no core files, unreadable for other processes
 * of the same user.
 *
 * Errors: G_IO_ERROR, and the worker must not go on.
 */
bool sandbox_enter(const char *backend, GError **error);

#endif /* WORKER_SANDBOX_H */
