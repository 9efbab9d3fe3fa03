/*
 * Executes the requests of pools in workers
 *
 * A worker is a process that executes the requests of one context in one pool
 * (worker.h): a driver that crashes or a kernel that never ends takes nothing
 * away but from its own context. Which contexts have one is in worker-pool.h.
 *
 *   - A worker ends with its context: it is killed if it executes something,
 *     else told to exit.
 *   - A worker that dies with something to execute is a fault of its VM. A
 *     mailbox's next request has a new worker, and no memory; a queue's context
 *     is lost.
 *   - A worker has run its VM's code and is not trusted: one that says
 *     anything but what worker-protocol.h allows is killed.
 *
 * Before a pool has its first worker, and after a reload that changes it, the
 * pool's backend is tried (pool-health.h). A pool whose backend is `none` has
 * no slots. Nor has one whose backend does not work, but as long as there are
 * workers with memory, or a queue's, which were started when it did: their
 * contexts are served on, others refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_EXECUTOR_H
#define MEDIATOR_WORKER_EXECUTOR_H

#include "schedule/executor.h"
#include "launcher-host.h"
#include "worker-root.h"

/* The executors of all pools */
typedef struct WorkerExecutors WorkerExecutors;

/*
 * The workers will be processes that @starter starts, or those of @launchers, and
 * have the kernels in
 * the folder @kernels unless the configuration names another.
 */
WorkerExecutors *worker_executors_new(Starter *starter,
                                      LauncherHost *launchers,
                                      WorkerRoot *root, const char *kernels);

/*
 * Ends what is executed and kills all workers; none is left on return. For
 * those who have an Executor, that is the end of it.
 */
void worker_executors_free(WorkerExecutors *executors);

Executor *worker_executors_of(WorkerExecutors *executors, PoolId pool);

#endif /* MEDIATOR_WORKER_EXECUTOR_H */
