/*
 * Whether workers could take more memory than the host has
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_HOST_MEMORY_H
#define MEDIATOR_HOST_MEMORY_H

#include "config.h"

/* Of this host, in MiB; 0 when it is not known */
guint64 host_memory_mib(void);

/*
 * When VMs may allocate more than @total_mib in the host's own memory by what
 * @config says, a line about how much that is, and which lines of the file at
 * @path say so; else NULL. To be freed with g_free().
 *
 * Counted are pools of the backends cpu and opencl (which may be the CPU, too):
 * a worker for each place, with the memory that a VM may have; and, whatever
 * the backends, what queues share with workers.
 */
char *host_memory_warning(const Config *config, const char *path,
                          guint64 total_mib);

#endif /* MEDIATOR_HOST_MEMORY_H */
