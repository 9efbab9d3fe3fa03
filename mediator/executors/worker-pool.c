/*
 * The workers of a pool: which contexts have one, and which of them a process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-pool.h"

/*
 * So long a context that has got a place keeps it, although others wait for one
 * and it may have nothing to do for a moment; to start a worker takes about as
 * long.
 */
#define TURN_MS 250

/* "--backend=", "--device=", …, NULL */
#define MAX_ARGUMENTS 8

static void pool_settle(WorkerPool *pool);
static Worker *pool_evictable(const WorkerPool *pool, gint64 *wait);

static WorkerPool *pool_of(const Worker *worker)
{
    return (WorkerPool *)((char *)worker->place - offsetof(WorkerPool, place));
}

/* --- A context's worker --- */

Worker *worker_pool_find(const WorkerPool *pool, uint64_t context)
{
    Worker *worker = g_hash_table_lookup(pool->serving, &context);

    return worker != NULL && worker->state != WORKER_LEAVING ? worker : NULL;
}

/* Keep a place for the VM's first context, or not any more. */
static void pool_reserve(WorkerPool *pool, PoolVm *vm, bool reserve)
{
    pool->reserved += reserve - vm->reserved;
    vm->reserved = reserve;
}

/* @vm: NULL for a spare */
static Worker *pool_add(WorkerPool *pool, PoolVm *vm, uint64_t context,
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

static void pool_forget_context(WorkerPool *pool, const Worker *worker)
{
    if (g_hash_table_lookup(pool->serving, &worker->context) == worker) {
        g_hash_table_remove(pool->serving, &worker->context);
    }
}

static void pool_remove(WorkerPool *pool, Worker *worker)
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
        pool_reserve(pool, vm, vm->attached && (vm->reserved ||
                                                vm->opened == 0));
        pool_vms_sweep(pool->vms, g_get_monotonic_time());
    } else if (worker->state != WORKER_LEAVING) {
        pool->spares--;
    }
    worker_free(worker);
    if (released) {
        pool->base.context_gone(&pool->base, context);
    }
}

static void pool_tell_place(WorkerPool *pool, const Worker *worker,
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

/* A waiting one has no process to wait for. */
static void pool_refuse_worker(WorkerPool *pool, Worker *worker,
                               uint32_t status)
{
    pool_tell_refused(pool, worker, status);
    pool_remove(pool, worker);
}

void worker_pool_wish(WorkerPool *pool, const char *vm, uint64_t context,
                      bool wish)
{
    Worker *worker = worker_pool_find(pool, context);

    if (worker == NULL && wish) {
        worker = pool_add(pool, pool_vms_get(pool->vms, vm), context, NULL);
    }
    if (worker != NULL) {
        worker->wished = wish;
        if (worker->state == WORKER_WAITING && !wish) {
            pool_remove(pool, worker);
        }
        pool_settle(pool);
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
        pool_remove(pool, worker);
        pool_settle(pool);
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
        pool_reserve(pool, vm, vm->opened == 0);
        pool_settle(pool);
    }
}

void worker_pool_detach(WorkerPool *pool, const char *name)
{
    PoolVm *vm = pool_vms_find(pool->vms, name);

    if (vm != NULL && vm->attached) {
        vm->attached = false;
        pool->attached--;
        pool_reserve(pool, vm, false);
        pool_settle(pool);
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
    worker = pool_evictable(pool, &wait);
    if (worker != NULL) {
        worker_retire(worker);
    }
    return worker != NULL;
}

void worker_pool_open(WorkerPool *pool, const char *name, uint64_t context,
                      Arena *arena)
{
    PoolVm *vm = pool_vms_get(pool->vms, name);
    const VmLimits *limits = config_limits(pool->place.config, name);
    const bool first = vm->opened == 0 && vm->reserved;

    if (vm->opened >= limits->contexts ||
        (!first && !pool_has_another(pool))) {
        pool->base.place_refused(&pool->base, context,
                                 VGPU_STUB_ERR_QUEUE_FULL);
        return;
    }
    pool_add(pool, vm, context, arena);
    pool_settle(pool);
}

/* --- Memory --- */

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

static bool pool_worker_memory(Worker *worker, uint64_t held, uint64_t wanted,
                               GError **error)
{
    WorkerPool *pool = pool_of(worker);

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

/* --- What happens to workers --- */

static void pool_worker_changed(Worker *worker, WorkerState before)
{
    WorkerPool *pool = pool_of(worker);

    pool->count[before]--;
    pool->count[worker->state]++;
}

static void pool_log_unstarted(const WorkerPool *pool, const Worker *worker,
                               const char *why)
{
    g_warning("pool %c: %u starts of workers in a row have failed, this one "
              "for %s%s: %s", pool_letter(pool->place.pool),
              pool->pauses.failures, worker->vm != NULL ? "vm " : "",
              worker->vm != NULL ? worker->vm->name : "whoever comes", why);
}

static void pool_worker_ready(Worker *worker)
{
    WorkerPool *pool = pool_of(worker);

    if (pool->pauses.failures > 0) {
        g_message("pool %c: workers start again, after %u failures",
                  pool_letter(pool->place.pool), pool->pauses.failures);
        pool->pauses = (StartPauses) { 0 };
    }
    if (worker->vm != NULL) {
        pool_tell_place(pool, worker, true);
    }
    /* Its context may have given up meanwhile. */
    pool_settle(pool);
}

static void pool_worker_rested(Worker *worker)
{
    WorkerPool *pool = pool_of(worker);

    /* Else there is nobody to whom it makes a difference. */
    if (pool->count[WORKER_WAITING] > 0 ||
        pool_health_state(pool->health) != POOL_WORKS) {
        pool_settle(pool);
    }
}

static void pool_worker_left(Worker *worker)
{
    WorkerPool *pool = pool_of(worker);

    if (worker->vm == NULL) {
        pool->spares--;
        return;
    }
    pool->leaving++;
    worker->vm->leaving += worker->granted;
    worker->vm->asking -= worker->wanted > 0;
    worker->wanted = 0;
    if (!worker->opened) {
        pool_forget_context(pool, worker);
        pool_tell_place(pool, worker, false);
    } else if (!worker->unstarted && !worker->released) {
        pool->base.context_lost(&pool->base, worker->context);
    }
}

static void pool_worker_lost(Worker *worker)
{
    WorkerPool *pool = pool_of(worker);

    pool->base.counters.deaths++;
    if (worker->unstarted) {
        worker->reported = start_pauses_failed(&pool->pauses, worker->placed,
                                               g_get_monotonic_time());
        if (worker->vm != NULL) {
            pool_tell_refused(pool, worker, VGPU_STUB_ERR_BACKEND_ERROR);
        }
    }
    pool_settle(pool);
}

static void pool_log_lost(const WorkerPool *pool, const Worker *worker,
                          const char *why)
{
    const pid_t pid = worker_process_pid(worker->process);
    const char letter = pool_letter(pool->place.pool);

    if (worker->vm != NULL) {
        g_warning("vm %s: its worker %d in pool %c was lost: %s",
                  worker->vm->name, pid, letter, why);
    } else {
        g_warning("pool %c: the spare worker %d was lost: %s", letter, pid,
                  why);
    }
}

static void pool_worker_gone(Worker *worker, const char *why)
{
    WorkerPool *pool = pool_of(worker);
    PoolVm *vm = worker->vm;

    if (worker->reported) {
        pool_log_unstarted(pool, worker, why);
    } else if (why != NULL && !worker->unstarted) {
        pool_log_lost(pool, worker, why);
    }
    if (vm != NULL) {
        pool->processes--;
        pool->leaving--;
        vm->memory -= worker->granted;
        vm->leaving -= worker->granted;
        pool_grant_waiting(pool, vm);
    }
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

/* Give a waiting worker a new process; false when that is not possible. */
static bool pool_start(WorkerPool *pool, Worker *worker)
{
    const bool confined = pool_health_confined(pool->health);
    g_auto(GStrv) argv = pool_command(pool, confined);
    const gint64 now = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;

    if (worker_start(worker, pool->host->starter, (const char *const *)argv,
                     &error)) {
        pool->base.counters.starts++;
        return true;
    }
    if (start_pauses_failed(&pool->pauses, now, now)) {
        pool_log_unstarted(pool, worker, error->message);
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
        pool_reserve(pool, worker->vm, false);
    }
    if (spare != NULL) {
        worker_take(worker, spare);
        pool_remove(pool, spare);
        if (worker->state == WORKER_IDLE) {
            pool_tell_place(pool, worker, true);
        }
    } else if (!pool_start(pool, worker)) {
        pool->processes--;
        pool_refuse_worker(pool, worker, VGPU_STUB_ERR_BACKEND_ERROR);
    }
}

/* Have as many spares as the configuration says, or @none. */
static void pool_keep_spares(WorkerPool *pool, bool none)
{
    const unsigned wanted = none || pool->attached == 0
                            ? 0 : pool->settings->spares;
    const gint64 now = g_get_monotonic_time();

    while (pool->spares > wanted) {
        worker_discard(pool_spare(pool), false);
    }
    while (pool->spares < wanted && !start_pauses_wait(&pool->pauses, now)) {
        Worker *spare = pool_add(pool, NULL, 0, NULL);

        if (!pool_start(pool, spare)) {
            pool_remove(pool, spare);
            return;
        }
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
        pool_refuse_worker(pool, worker, VGPU_STUB_ERR_INVALID_POOL);
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
    pool_settle(pool);
    return G_SOURCE_REMOVE;
}

/* There may be room @ms from now on, or before. */
static void pool_arm(WorkerPool *pool, unsigned ms)
{
    if (pool->timer == 0) {
        pool->timer = g_timeout_add(ms, pool_look_again, pool);
    }
}

/*
 * A worker that has to go for another context's: a mailbox's, idle, without
 * memory, and it had its turn, which begins when it is ready; or its context has
 * given up before. To wait for a slot is no reason to lose a place; to be kept
 * from a free one, by a limit of the VM's own, is. When there is none yet, @wait
 * becomes the µs until the next turn is over.
 */
static Worker *pool_evictable(const WorkerPool *pool, gint64 *wait)
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
        Worker *worker = pool_evictable(pool, &wait);

        if (worker == NULL) {
            if (wait != G_MAXINT64) {
                pool_arm(pool, wait / G_TIME_SPAN_MILLISECOND + 1);
            }
            return;
        }
        worker_retire(worker);
    }
}

static bool pool_has_room(const WorkerPool *pool, const Worker *worker)
{
    const bool its_own = worker->opened && worker->vm->reserved;

    return pool->processes + pool->reserved - its_own <
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
            pool_refuse_worker(pool, worker, VGPU_STUB_ERR_QUEUE_FULL);
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
        pool_refuse_worker(pool, worker, VGPU_STUB_ERR_BACKEND_ERROR);
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

/* Start what waits, as far as there are places for it. */
static void pool_settle(WorkerPool *pool)
{
    g_clear_handle_id(&pool->timer, g_source_remove);
    pool_update_slots(pool);
    switch (pool_health_state(pool->health)) {
    case POOL_TRYING:
        return;
    case POOL_CLOSED:
    case POOL_FAILED:
        pool_keep_spares(pool, true);
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
    pool_keep_spares(pool, false);
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
        .changed = pool_worker_changed,
        .ready = pool_worker_ready,
        .rested = pool_worker_rested,
        .left = pool_worker_left,
        .lost = pool_worker_lost,
        .memory = pool_worker_memory,
        .gone = pool_worker_gone,
    };
    pool->serving = g_hash_table_new(g_int64_hash, g_int64_equal);
    pool->vms = pool_vms_new();
    pool->health = pool_health_new(id, host->starter, host->root,
                                   pool_health_changed, pool);
}

void worker_pool_configure(WorkerPool *pool, const Config *config)
{
    pool->place.config = config;
    pool->settings = config_pool(config, pool->place.pool);
    pool->pauses = (StartPauses) { 0 };
    /* Those that there are were started with what it was before. */
    pool_keep_spares(pool, true);
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
    g_clear_handle_id(&pool->timer, g_source_remove);
    g_hash_table_unref(pool->serving);
    pool_vms_free(pool->vms);
    pool_health_free(pool->health);
}
