/*
 * Executes requests in workers, and what needs no accelerator right here
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-executor.h"

#include "pool-health.h"
#include "protocol/log-limit.h"
#include "protocol/operations.h"
#include "start-pauses.h"
#include "worker-process.h"

/* Until a worker takes requests; drivers may take their time. */
#define START_TIMEOUT_MS 30000

/*
 * So long a VM that has got a place keeps it, although others wait for one and
 * it may have nothing to do for a moment; to start a worker takes about as long.
 */
#define TURN_MS 250

/* Lines in the log that workers of a VM, and of all, have in a period */
#define WORKER_LINES_VM 30
#define WORKER_LINES_ALL 300

/* "--backend=", "--device=", …, NULL */
#define MAX_ARGUMENTS 8

typedef struct Pool Pool;

/* A worker, with its process if it has one */
typedef struct Worker {
    Pool *pool;
    char *vm;
    WorkerState state;
    WorkerProcess *process;     /* NULL while WAITING */
    bool wished;                /* its VM has something for it */
    bool served;                /* its VM, once at least */
    bool unstarted;             /* it has failed before it was ready … */
    bool reported;              /* … and that is to be logged */
    Execution *current;         /* at the process, when BUSY */
    gint64 current_since;       /* monotonic, µs */
    bool holds_memory;
    GHashTable *contexts;       /* that may have memory at the process */
    gint64 since;
    gint64 placed;              /* monotonic, µs: its start, then its readiness */
    guint timer;                /* to the end of what the state allows, or 0 */
} Worker;

struct Pool {
    WorkerExecutor *executor;
    uint8_t id;                 /* VGPU_STUB_POOL_A or B */
    const PoolSettings *settings;
    PoolHealth *health;
    GQueue workers;             /* Worker, in the order of their making */
    GHashTable *serving;        /* the VM's name → Worker, but LEAVING ones */
    unsigned processes;
    unsigned leaving;           /* of them */
    StartPauses pauses;
    guint turn_timer;           /* to the end of a turn, or 0 */
};

struct WorkerExecutor {
    Executor base;
    Starter *starter;
    WorkerRoot *root;
    LogLimit *said;             /* lines that workers have printed */
    char *kernels;
    UidRange uids;              /* of the first configuration */
    const Config *config;
    Pool pools[POOLS];
    WorkerCounters counters;
};

const char *const worker_state_names[WORKER_LEAVING + 1] = {
    [WORKER_WAITING] = "waiting",
    [WORKER_STARTING] = "starting",
    [WORKER_IDLE] = "idle",
    [WORKER_BUSY] = "busy",
    [WORKER_LEAVING] = "leaving",
};

static void pool_settle(Pool *pool);

static WorkerExecutor *executor_of(Executor *base)
{
    return (WorkerExecutor *)((char *)base - offsetof(WorkerExecutor, base));
}

static Pool *executor_pool(WorkerExecutor *executor, uint8_t id)
{
    return &executor->pools[id - VGPU_STUB_POOL_A];
}

static unsigned *pool_slots(const Pool *pool)
{
    return &pool->executor->base.slots[pool->id - VGPU_STUB_POOL_A];
}

/* --- The ends of an execution --- */

/* @took µs; what else is in @how is up to the caller. */
static void end_with_reply(Execution *execution, const Reply *reply,
                           gint64 took, Outcome how)
{
    uint8_t response[VGPU_STUB_BUF_SIZE];

    how.status = reply->status;
    how.response = response;
    how.length = reply_encode(reply, MIN(took, G_MAXUINT32), response);
    execution->done(execution, &how);
}

/* --- Workers --- */

static void worker_place(const Worker *worker, bool place)
{
    Executor *base = &worker->pool->executor->base;

    base->place_changed(base->opaque, worker->vm, worker->pool->id, place);
}

static Worker *worker_new(Pool *pool, const char *vm)
{
    Worker *worker = g_new0(Worker, 1);

    worker->pool = pool;
    worker->vm = g_strdup(vm);
    worker->contexts = g_hash_table_new_full(g_int64_hash, g_int64_equal,
                                             g_free, NULL);
    worker->since = g_get_monotonic_time();
    g_queue_push_tail(&pool->workers, worker);
    g_hash_table_insert(pool->serving, worker->vm, worker);
    return worker;
}

static void worker_disarm(Worker *worker)
{
    if (worker->timer != 0) {
        g_source_remove(worker->timer);
        worker->timer = 0;
    }
}

static void worker_arm(Worker *worker, unsigned ms, GSourceFunc function)
{
    worker_disarm(worker);
    worker->timer = g_timeout_add(ms, function, worker);
}

/* It has no process, or not any more. */
static void worker_free(Worker *worker)
{
    if (worker->state != WORKER_LEAVING) {
        g_hash_table_remove(worker->pool->serving, worker->vm);
    }
    g_queue_remove(&worker->pool->workers, worker);
    worker_disarm(worker);
    g_hash_table_unref(worker->contexts);
    g_free(worker->vm);
    g_free(worker);
}

/* It serves its VM no longer, its process is about to go. */
static void worker_leave(Worker *worker)
{
    Pool *pool = worker->pool;

    g_hash_table_remove(pool->serving, worker->vm);
    worker->state = WORKER_LEAVING;
    worker_disarm(worker);
    pool->leaving++;
    worker_place(worker, false);
}

/* What its VM wishes for cannot be had. It is free, or leaving. */
static void pool_refuse_vm(Pool *pool, const char *vm, uint32_t status)
{
    Executor *base = &pool->executor->base;

    base->place_refused(base->opaque, vm, pool->id, status);
}

/* A waiting one has no process to wait for. */
static void worker_refuse(Worker *worker, uint32_t status)
{
    pool_refuse_vm(worker->pool, worker->vm, status);
    worker_free(worker);
}

/* Its process has failed; or it is @killed, for what it does not do. */
static void worker_lost(Worker *worker, bool killed)
{
    Pool *pool = worker->pool;
    Execution *current = worker->current;

    pool->executor->counters.deaths++;
    worker->unstarted = worker->state == WORKER_STARTING;
    worker->current = NULL;
    worker_leave(worker);
    if (worker->unstarted) {
        worker->reported = start_pauses_failed(&pool->pauses, worker->placed,
                                               g_get_monotonic_time());
        pool_refuse_vm(pool, worker->vm, VGPU_STUB_ERR_BACKEND_ERROR);
    }
    pool_settle(pool);
    if (current != NULL) {
        Reply reply;

        reply_error(&reply, VGPU_STUB_ERR_BACKEND_ERROR,
                    "the request broke its worker, or had to be stopped; "
                    "this VM's memory in this pool is lost");
        end_with_reply(current, &reply,
                       g_get_monotonic_time() - worker->current_since,
                       (Outcome) { .broke = !killed, .killed = killed });
    }
}

static gboolean worker_overdue(gpointer opaque)
{
    Worker *worker = opaque;

    worker->timer = 0;
    worker_process_kill(worker->process, worker->state == WORKER_BUSY
                        ? "killed, its request had to be stopped"
                        : "killed, it did not start in time");
    worker_lost(worker, true);
    return G_SOURCE_REMOVE;
}

static gboolean worker_stays(gpointer opaque)
{
    Worker *worker = opaque;

    worker->timer = 0;
    worker_process_kill(worker->process,
                        "killed, it did not exit when it was to");
    return G_SOURCE_REMOVE;
}

static void worker_retire(Worker *worker)
{
    worker_process_retire(worker->process);
    worker_leave(worker);
    worker_arm(worker, WORKER_GRACE_MS, worker_stays);
}

static gboolean worker_unused(gpointer opaque);

/* It has nothing to do, but that is not to be for ever. */
static void worker_rest(Worker *worker)
{
    worker->state = WORKER_IDLE;
    worker_disarm(worker);
    if (!worker->holds_memory) {
        worker_arm(worker, worker->pool->settings->idle_s * 1000,
                   worker_unused);
    }
}

static gboolean worker_unused(gpointer opaque)
{
    Worker *worker = opaque;

    worker->timer = 0;
    if (worker->wished) {
        worker_rest(worker);
    } else {
        worker_retire(worker);
    }
    return G_SOURCE_REMOVE;
}

/* End it; nobody waits for what it does. @killed: as an Outcome's */
static void worker_discard(Worker *worker, bool killed)
{
    Execution *current = worker->current;
    Reply reply;

    if (worker->state == WORKER_WAITING) {
        worker_place(worker, false);
        worker_free(worker);
        return;
    }
    worker->current = NULL;
    worker_process_kill(worker->process, NULL);
    worker_leave(worker);
    if (current != NULL) {
        reply_error(&reply, VGPU_STUB_ERR_CANCELLED, "nobody waits for it");
        end_with_reply(current, &reply,
                       g_get_monotonic_time() - worker->current_since,
                       (Outcome) { .killed = killed });
    }
}

static void worker_send(Worker *worker, const Execution *execution)
{
    const VmLimits *vm = config_limits(worker->pool->executor->config,
                                       worker->vm);
    const struct worker_limits limits = {
        .memory = GUINT64_TO_LE((guint64)vm->memory_mib << 20),
        .flags = GUINT32_TO_LE(vm->guest_kernels ? WORKER_LIMITS_GUEST_KERNELS
                                                 : 0),
    };

    if (!g_hash_table_contains(worker->contexts, &execution->context)) {
        g_hash_table_add(worker->contexts,
                         g_memdup(&execution->context,
                                  sizeof(execution->context)));
    }
    worker_process_send(worker->process, execution->context, &limits,
                        execution->request, execution->length);
}

/*
 * A context that has sent it nothing has nothing there. So no more RESETs are
 * under way to it than its VM has devices, however often they are reset.
 */
static void worker_release(Worker *worker, uint64_t context)
{
    if (g_hash_table_remove(worker->contexts, &context)) {
        worker_process_release(worker->process, context);
    }
}

static void worker_ready(gpointer opaque)
{
    Worker *worker = opaque;
    Pool *pool = worker->pool;

    if (pool->pauses.failures > 0) {
        g_message("pool %c: workers start again, after %u failures", pool->id,
                  pool->pauses.failures);
        pool->pauses = (StartPauses) { 0 };
    }
    worker->placed = g_get_monotonic_time();
    worker_rest(worker);
    worker_place(worker, true);
    /* Its VM may have given up meanwhile. */
    pool_settle(pool);
}

static void worker_answer(gpointer opaque, const WorkerAnswer *answer)
{
    Worker *worker = opaque;
    Execution *execution = worker->current;
    const Outcome outcome = {
        .status = answer->status,
        .response = answer->response,
        .length = answer->length,
    };

    worker->current = NULL;
    worker->holds_memory = answer->holds_memory;
    worker_rest(worker);
    pool_settle(worker->pool);
    execution->done(execution, &outcome);
}

static void worker_released(gpointer opaque, bool holds_memory)
{
    Worker *worker = opaque;

    worker->holds_memory = holds_memory;
    if (worker->state == WORKER_IDLE) {
        worker_rest(worker);
        pool_settle(worker->pool);
    }
}

/* It, or its driver, or the guest's own program has printed @text. */
static void worker_said(gpointer opaque, const char *text)
{
    Worker *worker = opaque;
    const char pool[] = { worker->pool->id, '\0' };

    if (log_limit_admit(worker->pool->executor->said, worker->vm)) {
        g_log_structured(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE,
                         "VGPU_VM", worker->vm, "VGPU_POOL", pool,
                         "MESSAGE", "vm %s: its worker %d in pool %s says: %s",
                         worker->vm, worker_process_pid(worker->process),
                         pool, text);
    }
}

static void said_left_out(const char *vm, guint64 left_out)
{
    g_log_structured(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "VGPU_VM", vm,
                     "MESSAGE", "vm %s: its workers said %" G_GUINT64_FORMAT
                     " more lines in %d s", vm, left_out, LOG_LIMIT_PERIOD_S);
}

static void worker_failed(gpointer opaque)
{
    worker_lost(opaque, false);
}

static void pool_log_unstarted(const Pool *pool, const char *vm,
                               const char *why)
{
    g_warning("pool %c: %u starts of workers in a row have failed, this one "
              "for vm %s: %s", pool->id, pool->pauses.failures, vm, why);
}

static void worker_gone(gpointer opaque, const char *why)
{
    Worker *worker = opaque;
    Pool *pool = worker->pool;

    if (worker->reported) {
        pool_log_unstarted(pool, worker->vm, why);
    } else if (why != NULL && !worker->unstarted) {
        g_warning("vm %s: its worker %d in pool %c was lost: %s", worker->vm,
                  worker_process_pid(worker->process), pool->id, why);
    }
    pool->processes--;
    pool->leaving--;
    worker_free(worker);
    pool_settle(pool);
}

/* --- Pools --- */

/* What a worker is started with, to be freed with g_strfreev() */
static char **pool_command(const Pool *pool, bool confined)
{
    const Config *config = pool->executor->config;
    GPtrArray *argv = g_ptr_array_sized_new(MAX_ARGUMENTS);

    g_ptr_array_add(argv, g_strdup_printf(
        "--backend=%s", backend_names[pool->settings->backend]));
    g_ptr_array_add(argv, g_strdup_printf("--device=%u",
                                          pool->settings->device));
    g_ptr_array_add(argv, g_strdup_printf(
        "--kernels=%s", config_kernels(config) != NULL
                        ? config_kernels(config) : pool->executor->kernels));
    if (confined) {
        g_ptr_array_add(argv, g_strdup_printf(
            "--root=%s", worker_root_path(pool->executor->root)));
    }
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

/* Give a waiting worker its process. */
static void pool_start(Pool *pool, Worker *worker)
{
    static const WorkerProcessHandlers handlers = {
        .ready = worker_ready,
        .answer = worker_answer,
        .released = worker_released,
        .said = worker_said,
        .failed = worker_failed,
        .gone = worker_gone,
    };
    const bool confined = pool_health_confined(pool->health);
    g_auto(GStrv) argv = pool_command(pool, confined);
    const gint64 now = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;

    worker->process = worker_process_new(pool->executor->starter,
                                         (const char *const *)argv, &handlers,
                                         worker, &error);
    if (worker->process == NULL) {
        if (start_pauses_failed(&pool->pauses, now, now)) {
            pool_log_unstarted(pool, worker->vm, error->message);
        }
        worker_refuse(worker, VGPU_STUB_ERR_BACKEND_ERROR);
        return;
    }
    pool->executor->counters.starts++;
    pool->processes++;
    worker->state = WORKER_STARTING;
    worker->placed = now;
    worker_arm(worker, START_TIMEOUT_MS, worker_overdue);
}

static Worker *pool_find(Pool *pool, WorkerState state, bool memory_counts)
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

static unsigned pool_count(const Pool *pool, WorkerState state)
{
    unsigned count = 0;

    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        const Worker *worker = link->data;

        count += worker->state == state;
    }
    return count;
}

/* Nothing will serve what waits; those with memory serve on, if they may. */
static void pool_refuse(Pool *pool)
{
    const bool closed = pool_health_state(pool->health) == POOL_CLOSED;
    Worker *worker;

    while ((worker = pool_find(pool, WORKER_WAITING, false)) != NULL) {
        worker_refuse(worker, VGPU_STUB_ERR_INVALID_POOL);
    }
    while ((worker = pool_find(pool, WORKER_IDLE, !closed)) != NULL) {
        worker_retire(worker);
    }
}

/*
 * A pool whose accelerator has failed takes requests as long as there is a
 * worker with memory, for its VM.
 */
static void pool_update_slots(Pool *pool)
{
    Executor *base = &pool->executor->base;
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
    if (slots != *pool_slots(pool)) {
        *pool_slots(pool) = slots;
        base->slots_changed(base->opaque);
    }
}

static gboolean pool_turn_over(gpointer opaque)
{
    Pool *pool = opaque;

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
static Worker *pool_spare(const Pool *pool, gint64 *wait)
{
    const bool full = pool_count(pool, WORKER_BUSY) >= *pool_slots(pool);
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
static void pool_make_room(Pool *pool, unsigned count)
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
static void pool_settle(Pool *pool)
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
           (worker = pool_find(pool, WORKER_WAITING, false)) != NULL) {
        if (start_pauses_wait(&pool->pauses, now)) {
            worker_refuse(worker, VGPU_STUB_ERR_BACKEND_ERROR);
        } else {
            pool_start(pool, worker);
        }
    }
    pool_make_room(pool, pool_count(pool, WORKER_WAITING));
}

static void pool_health_changed(gpointer pool)
{
    pool_settle(pool);
}

static void pool_configure(Pool *pool)
{
    pool->settings = config_pool(pool->executor->config, pool->id);
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

static void pool_vm_gone(Pool *pool, const char *vm)
{
    Worker *worker = g_hash_table_lookup(pool->serving, vm);

    if (worker != NULL) {
        worker_discard(worker, true);
    }
}

/* End everything; its workers are about to go. */
static void pool_end(Pool *pool)
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

/* --- The executor --- */

/* The starter has got its uids from who started it, and takes no others. */
static void workers_check_uids(WorkerExecutor *executor)
{
    const UidRange *uids = config_uids(executor->config);

    if (executor->uids.first == 0) {
        executor->uids = *uids;
    }
    if (executor->uids.first != uids->first ||
        executor->uids.last != uids->last) {
        g_warning("[workers] uids=%u-%u comes into effect when the daemon is "
                  "started anew", uids->first, uids->last);
    }
}

static void workers_configure(Executor *base, const Config *config)
{
    WorkerExecutor *executor = executor_of(base);

    executor->config = config;
    workers_check_uids(executor);
    for (int i = 0; i < POOLS; i++) {
        pool_configure(&executor->pools[i]);
    }
}

static bool workers_local(const Call *call)
{
    return !operations_need_accelerator(call->opcode);
}

static void workers_wish(Executor *base, const char *vm, uint8_t id,
                         bool place)
{
    Pool *pool = executor_pool(executor_of(base), id);
    Worker *worker = g_hash_table_lookup(pool->serving, vm);

    if (worker == NULL && place) {
        worker = worker_new(pool, vm);
    }
    if (worker != NULL) {
        worker->wished = place;
        if (worker->state == WORKER_WAITING && !place) {
            worker_free(worker);
        }
        pool_settle(pool);
    }
}

static void workers_start(Executor *base, Execution *execution)
{
    Pool *pool = executor_pool(executor_of(base), execution->pool);
    const gint64 start = g_get_monotonic_time();
    Worker *worker;
    Reply reply;

    if (operations_execute(&execution->call, &reply)) {
        end_with_reply(execution, &reply, g_get_monotonic_time() - start,
                       (Outcome) { 0 });
        return;
    }
    worker = g_hash_table_lookup(pool->serving, execution->vm);
    g_assert(worker != NULL && worker->state == WORKER_IDLE);
    worker->state = WORKER_BUSY;
    worker->served = true;
    worker->current = execution;
    worker->current_since = start;
    worker_disarm(worker);
    worker_send(worker, execution);
}

static void workers_stop(Executor *base, Execution *execution)
{
    Pool *pool = executor_pool(executor_of(base), execution->pool);
    Worker *worker = g_hash_table_lookup(pool->serving, execution->vm);

    g_assert(worker != NULL && worker->current == execution);
    worker_arm(worker, EXECUTION_GRACE_MS, worker_overdue);
}

static void workers_release(Executor *base, const char *vm, uint64_t context)
{
    WorkerExecutor *executor = executor_of(base);

    for (int i = 0; i < POOLS; i++) {
        Worker *worker = g_hash_table_lookup(executor->pools[i].serving, vm);

        if (worker != NULL) {
            worker_release(worker, context);
        }
    }
}

static void workers_vm_gone(Executor *base, const char *vm)
{
    WorkerExecutor *executor = executor_of(base);

    for (int i = 0; i < POOLS; i++) {
        pool_vm_gone(&executor->pools[i], vm);
    }
}

WorkerExecutor *worker_executor_new(Starter *starter, WorkerRoot *root,
                                    const char *kernels)
{
    WorkerExecutor *executor = g_new0(WorkerExecutor, 1);

    executor->base = (Executor) {
        .vm_slots = 1,
        .configure = workers_configure,
        .local = workers_local,
        .wish = workers_wish,
        .start = workers_start,
        .stop = workers_stop,
        .release = workers_release,
        .vm_gone = workers_vm_gone,
    };
    executor->starter = starter;
    executor->root = root;
    executor->said = log_limit_new(WORKER_LINES_VM, WORKER_LINES_ALL,
                                   said_left_out);
    executor->kernels = g_strdup(kernels);
    for (int i = 0; i < POOLS; i++) {
        Pool *pool = &executor->pools[i];

        pool->executor = executor;
        pool->id = VGPU_STUB_POOL_A + i;
        pool->serving = g_hash_table_new(g_str_hash, g_str_equal);
        pool->health = pool_health_new(pool->id, starter, root,
                                       pool_health_changed, pool);
    }
    return executor;
}

void worker_executor_free(WorkerExecutor *executor)
{
    for (int i = 0; i < POOLS; i++) {
        Pool *pool = &executor->pools[i];

        pool_end(pool);
        while (pool->workers.length > 0) {
            g_main_context_iteration(NULL, TRUE);
        }
        g_hash_table_unref(pool->serving);
        pool_health_free(pool->health);
    }
    log_limit_free(executor->said);
    g_free(executor->kernels);
    g_free(executor);
}

Executor *worker_executor_base(WorkerExecutor *executor)
{
    return &executor->base;
}

void worker_executor_foreach(const WorkerExecutor *executor,
                             void (*function)(const WorkerReport *report,
                                              gpointer opaque),
                             gpointer opaque)
{
    for (int i = 0; i < POOLS; i++) {
        const Pool *pool = &executor->pools[i];

        for (GList *link = pool->workers.head; link; link = link->next) {
            const Worker *worker = link->data;
            const WorkerReport report = {
                .vm = worker->vm,
                .pool = pool->id,
                .pid = worker->process != NULL
                       ? worker_process_pid(worker->process) : 0,
                .state = worker->state,
                .holds_memory = worker->holds_memory,
                .since = worker->since,
            };

            function(&report, opaque);
        }
    }
}

PoolState worker_executor_pool_state(const WorkerExecutor *executor,
                                     uint8_t pool, const char **reason)
{
    const PoolHealth *health = executor->pools[pool - VGPU_STUB_POOL_A].health;

    *reason = pool_health_reason(health);
    return pool_health_state(health);
}

bool worker_executor_has_own_uids(const WorkerExecutor *executor)
{
    return starter_flags(executor->starter) & STARTER_OWN_UIDS;
}

WorkerCounters worker_executor_counters(const WorkerExecutor *executor)
{
    return executor->counters;
}
