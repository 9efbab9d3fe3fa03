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

void worker_pool_grant_waiting(WorkerPool *pool, const PoolVm *vm)
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
    worker_pool_grant_waiting(pool, worker->vm);
    return true;
}
