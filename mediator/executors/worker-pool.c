/*
 * The workers of a pool: which contexts have one, and which of them a process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-pool-private.h"

/*
 * So long a spare that was taken is missed: to start another takes processors
 * from the program that has just begun with it, here and elsewhere.
 */
#define SPARE_PAUSE (100 * G_TIME_SPAN_MILLISECOND)

/* --- A context's worker --- */

Worker *worker_pool_find(const WorkerPool *pool, uint64_t context)
{
    Worker *worker = g_hash_table_lookup(pool->serving, &context);

    return worker != NULL && worker->state != WORKER_LEAVING ? worker : NULL;
}

void worker_pool_reserve(WorkerPool *pool, PoolVm *vm, bool reserve)
{
    pool->reserved += reserve - vm->reserved;
    vm->reserved = reserve;
}

Worker *worker_pool_add(WorkerPool *pool, PoolVm *vm, uint64_t context,
                        Arena *arena)
{
    Worker *worker = worker_new(&pool->place, vm, context, arena);

    g_queue_push_tail(&pool->workers, worker);
    pool->count[worker->state]++;
    if (vm != NULL) {
        vm->workers++;
        vm->opened += worker->opened;
        g_hash_table_insert(pool->serving, &worker->context, worker);
    } else {
        pool->spares++;
    }
    return worker;
}

/* All that are missing meanwhile are replaced at once. */
static void pool_miss_spare(WorkerPool *pool)
{
    const gint64 now = g_get_monotonic_time();

    pool->spares--;
    if (pool->replacing <= now) {
        pool->replacing = now + SPARE_PAUSE;
    }
}

static void pool_forget_context(WorkerPool *pool, const Worker *worker)
{
    if (g_hash_table_lookup(pool->serving, &worker->context) == worker) {
        g_hash_table_remove(pool->serving, &worker->context);
    }
}

void worker_pool_remove(WorkerPool *pool, Worker *worker)
{
    PoolVm *vm = worker->vm;
    const uint64_t context = worker->context;
    const bool released = worker->released;

    g_queue_remove(&pool->workers, worker);
    pool->count[worker->state]--;
    if (vm != NULL) {
        pool_forget_context(pool, worker);
        vm->workers--;
        vm->opened -= worker->opened;
        worker_pool_reserve(pool, vm, vm->attached && (vm->reserved ||
                                                vm->opened == 0));
        pool_vms_sweep(pool->vms, g_get_monotonic_time());
    } else if (worker->state != WORKER_LEAVING) {
        pool_miss_spare(pool);
    }
    worker_free(worker);
    if (released) {
        pool->base.context_gone(&pool->base, context);
    }
}

void worker_pool_tell_place(WorkerPool *pool, const Worker *worker,
                            bool place)
{
    pool->base.place_changed(&pool->base, worker->context, place);
}

/* What its context wishes for cannot be had. */
static void pool_tell_refused(WorkerPool *pool, const Worker *worker,
                              uint32_t status)
{
    pool->base.place_refused(&pool->base, worker->context, status);
}

void worker_pool_refuse_worker(WorkerPool *pool, Worker *worker,
                               uint32_t status)
{
    pool_tell_refused(pool, worker, status);
    worker_pool_remove(pool, worker);
}

void worker_pool_wish(WorkerPool *pool, const char *vm, uint64_t context,
                      bool wish)
{
    Worker *worker = worker_pool_find(pool, context);

    if (worker == NULL && wish) {
        worker = worker_pool_add(pool, pool_vms_get(pool->vms, vm), context, NULL);
    }
    if (worker != NULL) {
        worker->wished = wish;
        if (worker->state == WORKER_WAITING && !wish) {
            worker_pool_remove(pool, worker);
        }
        worker_pool_settle(pool);
    }
}

void worker_pool_release(WorkerPool *pool, uint64_t context)
{
    Worker *worker = g_hash_table_lookup(pool->serving, &context);

    if (worker == NULL) {
        pool->base.context_gone(&pool->base, context);
        return;
    }
    worker->released = true;
    switch (worker->state) {
    case WORKER_WAITING:
        worker_pool_remove(pool, worker);
        worker_pool_settle(pool);
        break;
    case WORKER_STARTING:
    case WORKER_BUSY:
        worker_discard(worker, true);
        break;
    case WORKER_IDLE:
        worker_retire(worker);
        break;
    case WORKER_SPARE:
    case WORKER_LEAVING:
        break;
    }
}

/* --- VMs with a queue --- */

void worker_pool_attach(WorkerPool *pool, const char *name)
{
    PoolVm *vm = pool_vms_get(pool->vms, name);

    if (!vm->attached) {
        vm->attached = true;
        pool->attached++;
        worker_pool_reserve(pool, vm, vm->opened == 0);
        worker_pool_settle(pool);
    }
}

void worker_pool_detach(WorkerPool *pool, const char *name)
{
    PoolVm *vm = pool_vms_find(pool->vms, name);

    if (vm != NULL && vm->attached) {
        vm->attached = false;
        pool->attached--;
        worker_pool_reserve(pool, vm, false);
        worker_pool_settle(pool);
    }
}

/* Whether a context that has no place kept for it can have one soon */
static bool pool_has_another(WorkerPool *pool)
{
    unsigned taken = pool->processes + pool->reserved;
    Worker *worker;
    gint64 wait;

    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        worker = link->data;
        taken += worker->state == WORKER_WAITING && worker->opened &&
                 !worker->vm->reserved;
    }
    if (taken < pool->settings->workers) {
        return true;
    }
    worker = worker_pool_evictable(pool, &wait);
    if (worker != NULL) {
        worker_retire(worker);
    }
    return worker != NULL;
}

void worker_pool_open(WorkerPool *pool, const char *name, uint64_t context,
                      Arena *arena)
{
    PoolVm *vm = pool_vms_get(pool->vms, name);
    const bool first = vm->opened == 0 && vm->reserved;

    if (!first && !pool_has_another(pool)) {
        pool->base.place_refused(&pool->base, context,
                                 VGPU_STUB_ERR_QUEUE_FULL);
        return;
    }
    worker_pool_add(pool, vm, context, arena);
    worker_pool_settle(pool);
}

/* --- What happens to workers --- */

static void pool_worker_changed(Worker *worker, WorkerState before)
{
    WorkerPool *pool = worker_pool_of(worker);

    pool->count[before]--;
    pool->count[worker->state]++;
}

void worker_pool_log_unstarted(const WorkerPool *pool, const Worker *worker,
                               const char *why)
{
    g_warning("pool %c: %u starts of workers in a row have failed, this one "
              "for %s%s: %s", pool_letter(pool->place.pool),
              pool->pauses.failures, worker->vm != NULL ? "vm " : "",
              worker->vm != NULL ? worker->vm->name : "whoever comes", why);
}

static void pool_worker_ready(Worker *worker)
{
    WorkerPool *pool = worker_pool_of(worker);

    if (pool->pauses.failures > 0) {
        g_message("pool %c: workers start again, after %u failures",
                  pool_letter(pool->place.pool), pool->pauses.failures);
        pool->pauses = (StartPauses) { 0 };
    }
    if (worker->vm != NULL) {
        worker_pool_tell_place(pool, worker, true);
    }
    /* Its context may have given up meanwhile. */
    worker_pool_settle(pool);
}

static void pool_worker_rested(Worker *worker)
{
    WorkerPool *pool = worker_pool_of(worker);

    /* Else there is nobody to whom it makes a difference. */
    if (pool->count[WORKER_WAITING] > 0 ||
        pool_health_state(pool->health) != POOL_WORKS) {
        worker_pool_settle(pool);
    }
}

static void pool_worker_left(Worker *worker)
{
    WorkerPool *pool = worker_pool_of(worker);

    if (worker->vm == NULL) {
        pool_miss_spare(pool);
        return;
    }
    pool->leaving++;
    worker_pool_memory_leaves(worker);
    if (!worker->opened) {
        pool_forget_context(pool, worker);
        worker_pool_tell_place(pool, worker, false);
    } else if (!worker->unstarted && !worker->released) {
        pool->base.context_lost(&pool->base, worker->context);
    }
}

static void pool_worker_lost(Worker *worker)
{
    WorkerPool *pool = worker_pool_of(worker);

    pool->base.counters.deaths++;
    if (worker->unstarted) {
        worker->reported = start_pauses_failed(&pool->pauses, worker->placed,
                                               g_get_monotonic_time());
        if (worker->vm != NULL) {
            pool_tell_refused(pool, worker, VGPU_STUB_ERR_BACKEND_ERROR);
        }
    }
    worker_pool_settle(pool);
}

static void pool_log_lost(const WorkerPool *pool, const Worker *worker,
                          const char *why)
{
    const pid_t pid = worker_process_pid(worker->process);
    const char *place = worker_process_place(worker->process);
    g_autofree char *where = g_strconcat(place != NULL ? " at " : "", place,
                                         NULL);
    const char letter = pool_letter(pool->place.pool);

    if (worker->vm != NULL) {
        g_warning("vm %s: its worker %d%s in pool %c was lost: %s",
                  worker->vm->name, pid, where, letter, why);
    } else {
        g_warning("pool %c: the spare worker %d%s was lost: %s", letter, pid,
                  where, why);
    }
}

static void pool_worker_gone(Worker *worker, const char *why)
{
    WorkerPool *pool = worker_pool_of(worker);
    PoolVm *vm = worker->vm;

    if (worker->reported) {
        worker_pool_log_unstarted(pool, worker, why);
    } else if (why != NULL && !worker->unstarted) {
        pool_log_lost(pool, worker, why);
    }
    if (vm != NULL) {
        pool->processes--;
        pool->leaving--;
        worker_pool_memory_gone(worker);
    }
    worker_pool_remove(pool, worker);
    worker_pool_settle(pool);
}

/* --- The pool --- */

static void pool_health_changed(gpointer pool)
{
    worker_pool_settle(pool);
}

void worker_pool_init(WorkerPool *pool, PoolId id, const WorkerHost *host)
{
    pool->host = host;
    pool->place = (Workplace) {
        .pool = id,
        .said = host->said,
        .changed = pool_worker_changed,
        .ready = pool_worker_ready,
        .rested = pool_worker_rested,
        .left = pool_worker_left,
        .lost = pool_worker_lost,
        .memory = worker_pool_memory,
        .gone = pool_worker_gone,
    };
    pool->serving = g_hash_table_new(g_int64_hash, g_int64_equal);
    pool->vms = pool_vms_new();
    pool->health = pool_health_new(id, host->starter, host->launchers,
                                   host->root, pool_health_changed, pool);
}

void worker_pool_configure(WorkerPool *pool, const Config *config)
{
    pool->place.config = config;
    pool->settings = config_pool(config, pool->place.pool);
    pool->pauses = (StartPauses) { 0 };
    /* Those that there are were started with what it was before. */
    worker_pool_keep_spares(pool, true);
    pool->replacing = 0;
    if (pool->settings->backend == VGPU_STUB_BACKEND_NONE) {
        pool_health_close(pool->health);
    } else {
        g_auto(GStrv) argv = worker_pool_command(pool, NULL, false);
        const char *launcher = config_launcher(config, pool->place.pool);
        g_autofree char *name =
            g_strdup_printf("%s device %u%s%s",
                            backend_names[pool->settings->backend],
                            pool->settings->device,
                            launcher != NULL ? " by " : "",
                            launcher != NULL ? launcher : "");

        pool_health_try(pool->health, name, (const char *const *)argv,
                        launcher != NULL, pool->settings->backend == VGPU_STUB_BACKEND_OPENCL);
    }
    worker_pool_settle(pool);
}

void worker_pool_end(WorkerPool *pool)
{
    pool_health_close(pool->health);
    worker_pool_settle(pool);
    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        Worker *worker = link->data;

        if (worker->state == WORKER_LEAVING) {
            worker_process_kill(worker->process, NULL);
        } else {
            /* The daemon's end is no fault of what it interrupts. */
            worker_discard(worker, false);
        }
    }
}

void worker_pool_clear(WorkerPool *pool)
{
    g_clear_handle_id(&pool->timer, g_source_remove);
    g_hash_table_unref(pool->serving);
    pool_vms_free(pool->vms);
    pool_health_free(pool->health);
}
