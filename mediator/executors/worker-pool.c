/*
 * The workers of a pool: which VMs have one, and which of them a process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-pool.h"

/*
 * So long a VM that has got a place keeps it, although others wait for one and
 * it may have nothing to do for a moment; to start a worker takes about as long.
 */
#define TURN_MS 250

/* "--backend=", "--device=", …, NULL */
#define MAX_ARGUMENTS 8

static void pool_settle(WorkerPool *pool);

static WorkerPool *pool_of(const Worker *worker)
{
    return (WorkerPool *)((char *)worker->place - offsetof(WorkerPool, place));
}

/* --- A VM's worker --- */

Worker *worker_pool_find(const WorkerPool *pool, const char *vm)
{
    return g_hash_table_lookup(pool->serving, vm);
}

static Worker *pool_add(WorkerPool *pool, const char *vm)
{
    Worker *worker = worker_new(&pool->place, vm);

    g_queue_push_tail(&pool->workers, worker);
    g_hash_table_insert(pool->serving, worker->vm, worker);
    return worker;
}

static void pool_remove(WorkerPool *pool, Worker *worker)
{
    if (worker->state != WORKER_LEAVING) {
        g_hash_table_remove(pool->serving, worker->vm);
    }
    g_queue_remove(&pool->workers, worker);
    worker_free(worker);
}

static void pool_tell_place(WorkerPool *pool, const char *vm, bool place)
{
    pool->base.place_changed(&pool->base, vm, place);
}

/* What its VM wishes for cannot be had. */
static void pool_tell_refused(WorkerPool *pool, const char *vm,
                              uint32_t status)
{
    pool->base.place_refused(&pool->base, vm, status);
}

/* A waiting one has no process to wait for. */
static void pool_refuse_worker(WorkerPool *pool, Worker *worker,
                               uint32_t status)
{
    pool_tell_refused(pool, worker->vm, status);
    pool_remove(pool, worker);
}

Worker *worker_pool_executing(const WorkerPool *pool,
                              const Execution *execution)
{
    const GList *link = pool->workers.head;

    while (((Worker *)link->data)->current != execution) {
        link = link->next;
    }
    return link->data;
}

void worker_pool_discard(WorkerPool *pool, Worker *worker, bool killed)
{
    if (worker->state == WORKER_WAITING) {
        pool_tell_place(pool, worker->vm, false);
        pool_remove(pool, worker);
    } else {
        worker_discard(worker, killed);
    }
}

void worker_pool_wish(WorkerPool *pool, const char *vm, bool wish)
{
    Worker *worker = worker_pool_find(pool, vm);

    if (worker == NULL && wish) {
        worker = pool_add(pool, vm);
    }
    if (worker != NULL) {
        worker->wished = wish;
        if (worker->state == WORKER_WAITING && !wish) {
            pool_remove(pool, worker);
        }
        pool_settle(pool);
    }
}

/* --- What happens to workers --- */

static void pool_log_unstarted(const WorkerPool *pool, const char *vm,
                               const char *why)
{
    g_warning("pool %c: %u starts of workers in a row have failed, this one "
              "for vm %s: %s", pool_letter(pool->place.pool),
              pool->pauses.failures, vm, why);
}

static void pool_worker_ready(Worker *worker)
{
    WorkerPool *pool = pool_of(worker);

    if (pool->pauses.failures > 0) {
        g_message("pool %c: workers start again, after %u failures",
                  pool_letter(pool->place.pool), pool->pauses.failures);
        pool->pauses = (StartPauses) { 0 };
    }
    pool_tell_place(pool, worker->vm, true);
    /* Its VM may have given up meanwhile. */
    pool_settle(pool);
}

static void pool_worker_rested(Worker *worker)
{
    pool_settle(pool_of(worker));
}

static void pool_worker_left(Worker *worker)
{
    WorkerPool *pool = pool_of(worker);

    g_hash_table_remove(pool->serving, worker->vm);
    pool->leaving++;
    pool_tell_place(pool, worker->vm, false);
}

static void pool_worker_lost(Worker *worker)
{
    WorkerPool *pool = pool_of(worker);

    pool->base.counters.deaths++;
    if (worker->unstarted) {
        worker->reported = start_pauses_failed(&pool->pauses, worker->placed,
                                               g_get_monotonic_time());
        pool_tell_refused(pool, worker->vm, VGPU_STUB_ERR_BACKEND_ERROR);
    }
    pool_settle(pool);
}

static void pool_worker_gone(Worker *worker, const char *why)
{
    WorkerPool *pool = pool_of(worker);

    if (worker->reported) {
        pool_log_unstarted(pool, worker->vm, why);
    } else if (why != NULL && !worker->unstarted) {
        g_warning("vm %s: its worker %d in pool %c was lost: %s", worker->vm,
                  worker_process_pid(worker->process),
                  pool_letter(pool->place.pool), why);
    }
    pool->processes--;
    pool->leaving--;
    pool_remove(pool, worker);
    pool_settle(pool);
}

/* --- Who has a process --- */

/* What a worker is started with, to be freed with g_strfreev() */
static char **pool_command(const WorkerPool *pool, bool confined)
{
    const char *kernels = config_kernels(pool->place.config);
    GPtrArray *argv = g_ptr_array_sized_new(MAX_ARGUMENTS);

    g_ptr_array_add(argv, g_strdup_printf(
        "--backend=%s", backend_names[pool->settings->backend]));
    g_ptr_array_add(argv, g_strdup_printf("--device=%u",
                                          pool->settings->device));
    g_ptr_array_add(argv, g_strdup_printf(
        "--kernels=%s", kernels != NULL ? kernels : pool->host->kernels));
    if (confined) {
        g_ptr_array_add(argv, g_strdup_printf(
            "--root=%s", worker_root_path(pool->host->root)));
    }
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

/* Give a waiting worker its process. */
static void pool_start(WorkerPool *pool, Worker *worker)
{
    const bool confined = pool_health_confined(pool->health);
    g_auto(GStrv) argv = pool_command(pool, confined);
    const gint64 now = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;

    if (worker_start(worker, pool->host->starter, (const char *const *)argv,
                     &error)) {
        pool->base.counters.starts++;
        pool->processes++;
        return;
    }
    if (start_pauses_failed(&pool->pauses, now, now)) {
        pool_log_unstarted(pool, worker->vm, error->message);
    }
    pool_refuse_worker(pool, worker, VGPU_STUB_ERR_BACKEND_ERROR);
}

static Worker *pool_first(WorkerPool *pool, WorkerState state,
                          bool memory_counts)
{
    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        Worker *worker = link->data;

        if (worker->state == state &&
            !(memory_counts && worker->holds_memory)) {
            return worker;
        }
    }
    return NULL;
}

static unsigned pool_count(const WorkerPool *pool, WorkerState state)
{
    unsigned count = 0;

    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        const Worker *worker = link->data;

        count += worker->state == state;
    }
    return count;
}

/* Nothing will serve what waits; those with memory serve on, if they may. */
static void pool_refuse(WorkerPool *pool)
{
    const bool closed = pool_health_state(pool->health) == POOL_CLOSED;
    Worker *worker;

    while ((worker = pool_first(pool, WORKER_WAITING, false)) != NULL) {
        pool_refuse_worker(pool, worker, VGPU_STUB_ERR_INVALID_POOL);
    }
    while ((worker = pool_first(pool, WORKER_IDLE, !closed)) != NULL) {
        worker_retire(worker);
    }
}

/*
 * A pool whose accelerator has failed takes requests as long as there is a
 * worker with memory, for its VM.
 */
static void pool_update_slots(WorkerPool *pool)
{
    const PoolState state = pool_health_state(pool->health);
    bool serves = state == POOL_TRYING || state == POOL_WORKS;
    unsigned slots;

    for (GList *link = pool->workers.head; link != NULL && !serves;
         link = link->next) {
        const Worker *worker = link->data;

        serves = state == POOL_FAILED && worker->holds_memory &&
                 worker->state != WORKER_LEAVING;
    }
    slots = serves ? pool->settings->running : 0;
    if (slots != pool->base.slots) {
        pool->base.slots = slots;
        pool->base.slots_changed(&pool->base);
    }
}

static gboolean pool_turn_over(gpointer opaque)
{
    WorkerPool *pool = opaque;

    pool->turn_timer = 0;
    pool_settle(pool);
    return G_SOURCE_REMOVE;
}

/*
 * A worker that has to go for another VM's: idle, without memory, and it had
 * its turn, which begins when it is ready; or its VM has given up before. To
 * wait for a slot is no reason to lose a place; to be kept from a free one, by
 * a limit of the VM's own, is. When there is none yet, @wait becomes the µs
 * until the next turn is over.
 */
static Worker *pool_spare(const WorkerPool *pool, gint64 *wait)
{
    const bool full = pool_count(pool, WORKER_BUSY) >= pool->base.slots;
    const gint64 now = g_get_monotonic_time();
    Worker *spare = NULL;

    *wait = G_MAXINT64;
    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        Worker *worker = link->data;
        const gint64 left = worker->placed - now +
                            TURN_MS * G_TIME_SPAN_MILLISECOND;

        if (worker->state != WORKER_IDLE || worker->holds_memory) {
            continue;
        }
        if (!worker->wished && !worker->served) {
            return worker;
        }
        if (left > 0) {
            *wait = MIN(*wait, left);
        } else if ((worker->served || !full) &&
                   (spare == NULL || (spare->wished && !worker->wished))) {
            spare = worker;
        }
    }
    return spare;
}

/* Retire a worker for each of @count that wait for a place. */
static void pool_make_room(WorkerPool *pool, unsigned count)
{
    gint64 wait;

    while (pool->leaving < count) {
        Worker *worker = pool_spare(pool, &wait);

        if (worker == NULL) {
            if (wait != G_MAXINT64) {
                pool->turn_timer = g_timeout_add(
                    wait / G_TIME_SPAN_MILLISECOND + 1, pool_turn_over, pool);
            }
            return;
        }
        worker_retire(worker);
    }
}

/* Start what waits, as far as there are places for it. */
static void pool_settle(WorkerPool *pool)
{
    const gint64 now = g_get_monotonic_time();
    Worker *worker;

    if (pool->turn_timer != 0) {
        g_source_remove(pool->turn_timer);
        pool->turn_timer = 0;
    }
    pool_update_slots(pool);
    switch (pool_health_state(pool->health)) {
    case POOL_TRYING:
        return;
    case POOL_CLOSED:
    case POOL_FAILED:
        pool_refuse(pool);
        return;
    case POOL_WORKS:
        break;
    }
    while (pool->processes < pool->settings->workers &&
           (worker = pool_first(pool, WORKER_WAITING, false)) != NULL) {
        if (start_pauses_wait(&pool->pauses, now)) {
            pool_refuse_worker(pool, worker, VGPU_STUB_ERR_BACKEND_ERROR);
        } else {
            pool_start(pool, worker);
        }
    }
    pool_make_room(pool, pool_count(pool, WORKER_WAITING));
}

/* --- The pool --- */

static void pool_health_changed(gpointer pool)
{
    pool_settle(pool);
}

void worker_pool_init(WorkerPool *pool, PoolId id, const WorkerHost *host)
{
    pool->host = host;
    pool->place = (Workplace) {
        .pool = id,
        .said = host->said,
        .ready = pool_worker_ready,
        .rested = pool_worker_rested,
        .left = pool_worker_left,
        .lost = pool_worker_lost,
        .gone = pool_worker_gone,
    };
    pool->serving = g_hash_table_new(g_str_hash, g_str_equal);
    pool->health = pool_health_new(id, host->starter, host->root,
                                   pool_health_changed, pool);
}

void worker_pool_configure(WorkerPool *pool, const Config *config)
{
    pool->place.config = config;
    pool->settings = config_pool(config, pool->place.pool);
    pool->pauses = (StartPauses) { 0 };
    if (pool->settings->backend == VGPU_STUB_BACKEND_NONE) {
        pool_health_close(pool->health);
    } else {
        g_auto(GStrv) argv = pool_command(pool, false);
        g_autofree char *name =
            g_strdup_printf("%s device %u",
                            backend_names[pool->settings->backend],
                            pool->settings->device);

        pool_health_try(pool->health, name, (const char *const *)argv,
                        pool->settings->backend == VGPU_STUB_BACKEND_OPENCL);
    }
    pool_settle(pool);
}

void worker_pool_end(WorkerPool *pool)
{
    pool_health_close(pool->health);
    pool_settle(pool);
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
    g_hash_table_unref(pool->serving);
    pool_health_free(pool->health);
}
