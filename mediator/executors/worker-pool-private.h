/*
 * What the parts of a pool have in common; for worker-pool*.c alone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_POOL_PRIVATE_H
#define MEDIATOR_WORKER_POOL_PRIVATE_H

#include "worker-pool.h"

static inline WorkerPool *worker_pool_of(const Worker *worker)
{
    return (WorkerPool *)((char *)worker->place - offsetof(WorkerPool, place));
}

/* --- worker-pool.c --- */

/* Keep a place for the VM's first context, or not any more. */
void worker_pool_reserve(WorkerPool *pool, PoolVm *vm, bool reserve);

/* A worker that waits; @vm is NULL for a spare, @arena for a mailbox. */
Worker *worker_pool_add(WorkerPool *pool, PoolVm *vm, uint64_t context,
                        Arena *arena);
void worker_pool_remove(WorkerPool *pool, Worker *worker);

void worker_pool_tell_place(WorkerPool *pool, const Worker *worker,
                            bool place);

/* What the context of @worker wishes for cannot be had; it waits, and goes. */
void worker_pool_refuse_worker(WorkerPool *pool, Worker *worker,
                               uint32_t status);

void worker_pool_log_unstarted(const WorkerPool *pool, const Worker *worker,
                               const char *why);

/* --- worker-pool-grants.c --- */

/* A Workplace's `memory` */
bool worker_pool_memory(Worker *worker, uint64_t held, uint64_t wanted,
                        GError **error);

/*
 * @worker is LEAVING, or gone: the memory that it has will be there for others,
 * or is.
 */
void worker_pool_memory_leaves(Worker *worker);
void worker_pool_memory_gone(Worker *worker);

/* --- worker-pool-places.c --- */

/*
 * What a worker of @vm, NULL for none, is started with; to be freed with
 * g_strfreev()
 */
char **worker_pool_command(const WorkerPool *pool, const PoolVm *vm,
                           bool confined);

/* Have as many spares as the configuration says, or @none. */
void worker_pool_keep_spares(WorkerPool *pool, bool none);

/*
 * A worker that has to go for another context's: a mailbox's, idle, without
 * memory, and it had its turn, which begins when it is ready; or its context has
 * given up before. To wait for a slot is no reason to lose a place; to be kept
 * from a free one, by a limit of the VM's own, is. When there is none yet, @wait
 * becomes the µs until the next turn is over.
 */
Worker *worker_pool_evictable(const WorkerPool *pool, gint64 *wait);

/* Start what waits, as far as there are places for it. */
void worker_pool_settle(WorkerPool *pool);

#endif /* MEDIATOR_WORKER_POOL_PRIVATE_H */
