/*
 * The workers of a pool: their VMs' memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-pool-private.h"

/* Answer what @worker has asked for, if that can be known. */
static void pool_grant(WorkerPool *pool, Worker *worker)
{
    const VmLimits *limits = config_limits(pool->place.config,
                                           worker->vm->name);
    const uint64_t quota = (guint64)limits->memory_mib << 20;
    const PoolVmGrant grant = pool_vm_ask(worker->vm, quota, worker->wanted);

    if (grant == POOL_VM_WAIT) {
        return;
    }
    if (grant == POOL_VM_GRANTED) {
        worker->granted += worker->wanted;
        worker->vm->memory += worker->wanted;
    }
    worker->wanted = 0;
    worker->vm->asking--;
    worker_process_grant(worker->process, grant == POOL_VM_GRANTED,
                         &(struct worker_grant) {
        .left = GUINT64_TO_LE(pool_vm_left(worker->vm, quota)),
        .quota = GUINT64_TO_LE(quota),
    });
}

/* There is more, or less will come, for those of @vm who wait for some. */
static void pool_grant_waiting(WorkerPool *pool, const PoolVm *vm)
{
    for (GList *link = pool->workers.head; vm->asking > 0 && link != NULL;
         link = link->next) {
        Worker *worker = link->data;

        if (worker->vm == vm && worker->wanted > 0) {
            pool_grant(pool, worker);
        }
    }
}

bool worker_pool_memory(Worker *worker, uint64_t held, uint64_t wanted,
                               GError **error)
{
    WorkerPool *pool = worker_pool_of(worker);

    if (worker->state != WORKER_BUSY || worker->wanted > 0 ||
        held > worker->granted || held % WORKER_MEMORY_GRANULE != 0 ||
        wanted % WORKER_MEMORY_GRANULE != 0) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "MEMORY of %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                    " bytes", held, wanted);
        return false;
    }
    worker->vm->memory -= worker->granted - held;
    worker->granted = held;
    worker->wanted = wanted;
    if (wanted > 0) {
        worker->vm->asking++;
    }
    pool_grant_waiting(pool, worker->vm);
    return true;
}

/* A driver that hangs keeps its process: what others ask for is refused. */
static gboolean pool_stays(gpointer opaque)
{
    Worker *worker = opaque;

    worker->stays = 0;
    worker->vm->leaving -= worker->granted;
    pool_grant_waiting(worker_pool_of(worker), worker->vm);
    return G_SOURCE_REMOVE;
}

void worker_pool_memory_leaves(Worker *worker)
{
    worker->vm->asking -= worker->wanted > 0;
    worker->wanted = 0;
    worker->vm->leaving += worker->granted;
    worker->stays = g_timeout_add(worker_grace_ms(worker) +
                                  POOL_VM_PATIENCE_MS, pool_stays, worker);
}

void worker_pool_memory_gone(Worker *worker)
{
    PoolVm *vm = worker->vm;

    if (worker->stays != 0) {
        g_source_remove(worker->stays);
        worker->stays = 0;
        vm->leaving -= worker->granted;
    }
    vm->memory -= worker->granted;
    pool_grant_waiting(worker_pool_of(worker), vm);
}
