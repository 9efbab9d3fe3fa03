/*
 * How much of the host's memory a worker may take for itself
 *
 * A compiler, a driver and their logs take what a guest's source makes them
 * take, which no quota of its VM counts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OWN_MEMORY_H
#define WORKER_OWN_MEMORY_H

#include <glib.h>
#include <stdbool.h>

/*
 * Let this process, and each that it starts, have @mib MiB more than it has now,
 * for good: what it asks for beyond that, it does not get, and compilers abort
 * then. To be called once, with the driver open, whose threads have stacks that
 * are never used up.
 *
 * Errors: G_IO_ERROR.
 */
bool own_memory_limit(unsigned mib, GError **error);

#endif /* WORKER_OWN_MEMORY_H */
