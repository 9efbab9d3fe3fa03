/*
 * The workers of a pool: which VMs have one, and which of them a process
 *
 *   - A worker gets its process when its VM has requests. Until it takes them
 *     it holds up nobody: the VM has no place yet (executor.h).
 *   - A pool has at most as many worker processes as its limit says. When a
 *     VM needs one more, an idle one without memory is retired for it, once
 *     that has been there for a moment; if there is none, the VM waits. The
 *     longest waiting VM is first.
 *   - When a worker fails before it takes requests, what its VM has waiting
 *     ends as BACKEND_ERROR. When that happens again and again, so does all
 *     that would need another start, until a pause is over (start-pauses.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_POOL_H
#define MEDIATOR_WORKER_POOL_H

#include "pool-health.h"
#include "start-pauses.h"
#include "worker.h"

/* What the workers of all pools are started with */
typedef struct WorkerHost {
    Starter *starter;
    WorkerRoot *root;
    LogLimit *said;
    char *kernels;              /* the folder, if the configuration has none */
} WorkerHost;

typedef struct WorkerPool {
    Executor base;              /* an executor's: worker-executor.c */
    Workplace place;
    const WorkerHost *host;
    const PoolSettings *settings;
    PoolHealth *health;
    GQueue workers;             /* Worker, in the order of their making */
    GHashTable *serving;        /* the VM's name → Worker, but LEAVING ones */
    unsigned processes;
    unsigned leaving;           /* of them */
    StartPauses pauses;
    guint turn_timer;           /* to the end of a turn, or 0 */
} WorkerPool;

/* Nothing serves it yet; @host has to outlive it. */
void worker_pool_init(WorkerPool *pool, PoolId id, const WorkerHost *host);

/*
 * Ends what is executed and kills the workers; for a while others may still be
 * there, until the main loop has run.
 */
void worker_pool_end(WorkerPool *pool);

/* All its workers are gone by then. */
void worker_pool_clear(WorkerPool *pool);

void worker_pool_configure(WorkerPool *pool, const Config *config);

/* The worker that serves a VM; NULL when none does. */
Worker *worker_pool_find(const WorkerPool *pool, const char *vm);

/* The worker that has @execution; there is one. */
Worker *worker_pool_executing(const WorkerPool *pool,
                              const Execution *execution);

/* A VM wishes for a worker, or not any more. */
void worker_pool_wish(WorkerPool *pool, const char *vm, bool wish);

/* End a VM's worker; @killed: as an ExecutionEnd's */
void worker_pool_discard(WorkerPool *pool, Worker *worker, bool killed);

#endif /* MEDIATOR_WORKER_POOL_H */
