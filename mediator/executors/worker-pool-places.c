/*
 * The workers of a pool: who has a process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-pool-private.h"

#include "starter/gate-options.h"

/*
 * So long a context that has got a place keeps it, although others wait for one
 * and it may have nothing to do for a moment; to start a worker takes about as
 * long.
 */
#define TURN_MS 250

/* "--backend=", "--device=", …, NULL */
#define MAX_ARGUMENTS 8

/* For whom it is, for who runs the place. Another name stays here. */
static void add_label(GPtrArray *argv, const PoolVm *vm)
{
    if (vm != NULL && gate_label_allowed(vm->name)) {
        g_ptr_array_add(argv, g_strdup_printf("--label=%s", vm->name));
    }
}

char **worker_pool_command(const WorkerPool *pool, const PoolVm *vm,
                           bool confined)
{
    const char *kernels = config_kernels(pool->place.config);
    const char *launcher = config_launcher(pool->place.config,
                                           pool->place.pool);
    GPtrArray *argv = g_ptr_array_sized_new(MAX_ARGUMENTS);

    if (launcher != NULL) {
        g_ptr_array_add(argv, g_strdup(launcher));
    }
    g_ptr_array_add(argv, g_strdup_printf(
        "--backend=%s", backend_names[pool->settings->backend]));
    g_ptr_array_add(argv, g_strdup_printf("--device=%u",
                                          pool->settings->device));
    g_ptr_array_add(argv, g_strdup_printf(
        "--memory-mib=%u", pool->settings->worker_memory_mib));
    /* The gate knows what is there. */
    if (launcher == NULL) {
        g_ptr_array_add(argv, g_strdup_printf(
            "--kernels=%s", kernels != NULL ? kernels : pool->host->kernels));
    } else {
        add_label(argv, vm);
    }
    if (confined && launcher != NULL) {
        g_ptr_array_add(argv, g_strdup("--closed"));
    } else if (confined) {
        g_ptr_array_add(argv, g_strdup_printf(
            "--root=%s", worker_root_path(pool->host->root)));
    }
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

/* Give a waiting worker a new process; false when that is not possible. */
static bool pool_start(WorkerPool *pool, Worker *worker)
{
    const bool confined = pool_health_confined(pool->health);
    g_auto(GStrv) argv = worker_pool_command(pool, worker->vm, confined);
    const bool far = config_launcher(pool->place.config,
                                     pool->place.pool) != NULL;
    const gint64 now = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    Starter *starter = far ? launcher_host_starter(pool->host->launchers,
                                                   &error)
                           : pool->host->starter;

    if (starter != NULL &&
        worker_start(worker, starter, (const char *const *)argv, far,
                     &error)) {
        pool->base.counters.starts++;
        return true;
    }
    if (start_pauses_failed(&pool->pauses, now, now)) {
        worker_pool_log_unstarted(pool, worker, error->message);
    }
    return false;
}

/* One without a context, ready if there is such a one; or NULL */
static Worker *pool_spare(const WorkerPool *pool)
{
    Worker *starting = NULL;

    for (GList *link = pool->workers.head;
         pool->spares > 0 && link != NULL; link = link->next) {
        Worker *worker = link->data;

        if (worker->state == WORKER_SPARE) {
            return worker;
        }
        if (worker->vm == NULL && worker->state == WORKER_STARTING) {
            starting = worker;
        }
    }
    return starting;
}

/* Give a waiting worker its process, for which there is room. */
static void pool_provide(WorkerPool *pool, Worker *worker)
{
    Worker *spare = pool_spare(pool);

    pool->processes++;
    if (worker->opened) {
        worker_pool_reserve(pool, worker->vm, false);
    }
    if (spare != NULL) {
        worker_take(worker, spare);
        worker_pool_remove(pool, spare);
        if (worker->state == WORKER_IDLE) {
            worker_pool_tell_place(pool, worker, true);
        }
    } else if (!pool_start(pool, worker)) {
        pool->processes--;
        worker_pool_refuse_worker(pool, worker, VGPU_STUB_ERR_BACKEND_ERROR);
    }
}

/* Has it anything that would be lost with it? */
static bool keeps_something(const Worker *worker)
{
    return worker->opened || worker->granted > 0;
}

/* The first worker in @state, of those that keep nothing or @any of them */
static Worker *pool_first(WorkerPool *pool, WorkerState state, bool any)
{
    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        Worker *worker = link->data;

        if (worker->state == state && (any || !keeps_something(worker))) {
            return worker;
        }
    }
    return NULL;
}

/* Nothing will serve what waits; who keeps something serves on, if it may. */
static void pool_refuse(WorkerPool *pool)
{
    const bool closed = pool_health_state(pool->health) == POOL_CLOSED;
    Worker *worker;

    while ((worker = pool_first(pool, WORKER_WAITING, true)) != NULL) {
        worker_pool_refuse_worker(pool, worker, VGPU_STUB_ERR_INVALID_POOL);
    }
    while ((worker = pool_first(pool, WORKER_IDLE, closed)) != NULL) {
        worker_retire(worker);
    }
}

/*
 * A pool whose accelerator has failed takes requests as long as there is a
 * worker that keeps something, for its context.
 */
static void pool_update_slots(WorkerPool *pool)
{
    const PoolState state = pool_health_state(pool->health);
    bool serves = state == POOL_TRYING || state == POOL_WORKS;
    unsigned slots;

    for (GList *link = pool->workers.head; link != NULL && !serves;
         link = link->next) {
        const Worker *worker = link->data;

        serves = state == POOL_FAILED && keeps_something(worker) &&
                 worker->state != WORKER_LEAVING;
    }
    slots = serves ? pool->settings->running : 0;
    if (slots != pool->base.slots) {
        pool->base.slots = slots;
        pool->base.slots_changed(&pool->base);
    }
}

static gboolean pool_look_again(gpointer opaque)
{
    WorkerPool *pool = opaque;

    pool->timer = 0;
    worker_pool_settle(pool);
    return G_SOURCE_REMOVE;
}

/* There may be room @ms from now on, or before. */
static void pool_arm(WorkerPool *pool, unsigned ms)
{
    if (pool->timer == 0) {
        pool->timer = g_timeout_add(ms, pool_look_again, pool);
    }
}

void worker_pool_keep_spares(WorkerPool *pool, bool none)
{
    const unsigned wanted = none || pool->attached == 0
                            ? 0 : pool->settings->spares;
    const gint64 now = g_get_monotonic_time();

    while (pool->spares > wanted) {
        worker_discard(pool_spare(pool), false);
    }
    if (pool->spares < wanted && now < pool->replacing) {
        pool_arm(pool, (pool->replacing - now) / G_TIME_SPAN_MILLISECOND + 1);
        return;
    }
    while (pool->spares < wanted && !start_pauses_wait(&pool->pauses, now)) {
        Worker *spare = worker_pool_add(pool, NULL, 0, NULL);

        if (!pool_start(pool, spare)) {
            worker_pool_remove(pool, spare);
            return;
        }
    }
}

Worker *worker_pool_evictable(const WorkerPool *pool, gint64 *wait)
{
    const bool full = pool->count[WORKER_BUSY] >= pool->base.slots;
    const gint64 now = g_get_monotonic_time();
    Worker *found = NULL;

    *wait = G_MAXINT64;
    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        Worker *worker = link->data;
        const gint64 left = worker->placed - now +
                            TURN_MS * G_TIME_SPAN_MILLISECOND;

        if (worker->state != WORKER_IDLE || keeps_something(worker)) {
            continue;
        }
        if (!worker->wished && !worker->served) {
            return worker;
        }
        if (left > 0) {
            *wait = MIN(*wait, left);
        } else if ((worker->served || !full) &&
                   (found == NULL || (found->wished && !worker->wished))) {
            found = worker;
        }
    }
    return found;
}

/* Retire a worker for each of @count that wait for a place. */
static void pool_make_room(WorkerPool *pool, unsigned count)
{
    gint64 wait;

    while (pool->leaving < count) {
        Worker *worker = worker_pool_evictable(pool, &wait);

        if (worker == NULL) {
            if (wait != G_MAXINT64) {
                pool_arm(pool, wait / G_TIME_SPAN_MILLISECOND + 1);
            }
            return;
        }
        worker_retire(worker);
    }
}

/*
 * Only further contexts of queues leave alone what is kept for others. There can
 * be more VMs than places: who comes first has one then. A mailbox's would wait
 * for ever; it makes room for the VM when that comes.
 */
static bool pool_has_room(const WorkerPool *pool, const Worker *worker)
{
    const bool further = worker->opened && !worker->vm->reserved;

    return pool->processes + (further ? pool->reserved : 0) <
           pool->settings->workers;
}

/* Whether a worker has gone soon, or may be told to go */
static bool pool_has_prospects(const WorkerPool *pool)
{
    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        const Worker *worker = link->data;

        if (worker->state == WORKER_LEAVING ||
            (worker->state != WORKER_WAITING && worker->vm != NULL &&
             !keeps_something(worker))) {
            return true;
        }
    }
    return false;
}

/* A program is not to wait for others that go on as long as they like. */
static void pool_refuse_opened(WorkerPool *pool)
{
    GList *link = pool->workers.head;

    while (link != NULL) {
        Worker *worker = link->data;

        link = link->next;
        if (worker->state == WORKER_WAITING && worker->opened &&
            !pool_has_room(pool, worker)) {
            worker_pool_refuse_worker(pool, worker, VGPU_STUB_ERR_QUEUE_FULL);
        }
    }
}

/*
 * Start @worker, which waits, if it may be now. Returns whether there is no room
 * for it.
 */
static bool pool_try_to_start(WorkerPool *pool, Worker *worker, gint64 now)
{
    if (!pool_has_room(pool, worker)) {
        return true;
    }
    if (start_pauses_wait(&pool->pauses, now)) {
        worker_pool_refuse_worker(pool, worker, VGPU_STUB_ERR_BACKEND_ERROR);
    } else if (pool_vm_may_start(worker->vm, now)) {
        pool_provide(pool, worker);
    } else {
        pool_arm(pool, POOL_VM_RETRY_MS);
    }
    return false;
}

/* Start what waits, contexts of queues first; returns how many have no room. */
static unsigned pool_start_waiting(WorkerPool *pool)
{
    g_autoptr(GPtrArray) waiting = g_ptr_array_new();
    const gint64 now = g_get_monotonic_time();
    unsigned without = 0;

    for (int opened = true; opened >= false; opened--) {
        for (GList *link = pool->workers.head; link != NULL;
             link = link->next) {
            Worker *worker = link->data;

            if (worker->state == WORKER_WAITING &&
                worker->opened == (opened != 0)) {
                g_ptr_array_add(waiting, worker);
            }
        }
    }
    for (guint i = 0; i < waiting->len; i++) {
        without += pool_try_to_start(pool, waiting->pdata[i], now);
    }
    return without;
}

void worker_pool_settle(WorkerPool *pool)
{
    g_clear_handle_id(&pool->timer, g_source_remove);
    pool_update_slots(pool);
    switch (pool_health_state(pool->health)) {
    case POOL_TRYING:
        return;
    case POOL_CLOSED:
    case POOL_FAILED:
        worker_pool_keep_spares(pool, true);
        pool_refuse(pool);
        return;
    case POOL_WORKS:
        break;
    }
    if (pool->count[WORKER_WAITING] > 0) {
        pool_make_room(pool, pool_start_waiting(pool));
        if (!pool_has_prospects(pool)) {
            pool_refuse_opened(pool);
        }
    }
    worker_pool_keep_spares(pool, false);
}
