/*
 * The workers of a pool: which contexts have one, and which of them a process
 *
 *   - A mailbox's context gets a process when it has requests, a queue's when
 *     it is opened. Until it takes requests it holds up nobody: the context has
 *     no place yet (executor.h).
 *   - A pool has at most as many worker processes as its limit says, beside the
 *     spares. When a context needs one more, a mailbox's idle one without memory
 *     is retired for it, once that has been there for a moment; if there is
 *     none, a mailbox waits. The longest waiting is first.
 *   - Each VM with a queue has a place kept for the first of its contexts, as
 *     long as there are as many, from further ones; mailboxes have it
 *     meanwhile. For another context there has to be room when it is opened, or
 *     it is refused; so is the first when all that there are stay. One that has
 *     ended counts until nothing is left of it.
 *   - A VM has workers started no more often than pool-vm.h says; it waits.
 *   - While there is a VM with a queue, `spares` workers are started ahead for
 *     whoever needs one next. One that was taken or lost is replaced a moment
 *     later: what it was taken for goes first.
 *   - When a worker fails before it takes requests, what its context has waiting
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
    LauncherHost *launchers;
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
    unsigned count[WORKER_LEAVING + 1];     /* of them, by their states */
    /* context → Worker: a mailbox's until it leaves, a queue's until it is gone */
    GHashTable *serving;
    PoolVms *vms;
    unsigned reserved;          /* places kept for VMs that don't use them */
    unsigned attached;          /* VMs with a queue */
    unsigned spares;            /* but LEAVING ones */
    gint64 replacing;           /* monotonic, µs: from then on those that are
                                 * missing are started */
    unsigned processes;         /* all but the spares' */
    unsigned leaving;           /* of them */
    StartPauses pauses;
    guint timer;                /* to when there may be room, or 0 */
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

/* The worker that serves a context; NULL when none does. */
Worker *worker_pool_find(const WorkerPool *pool, uint64_t context);

/* As an Executor's, which these are */
void worker_pool_attach(WorkerPool *pool, const char *vm);
void worker_pool_detach(WorkerPool *pool, const char *vm);
void worker_pool_wish(WorkerPool *pool, const char *vm, uint64_t context,
                      bool wish);
void worker_pool_open(WorkerPool *pool, const char *vm, uint64_t context,
                      Arena *arena);
void worker_pool_release(WorkerPool *pool, uint64_t context);

#endif /* MEDIATOR_WORKER_POOL_H */
