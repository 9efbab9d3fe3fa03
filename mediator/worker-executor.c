/*
 * Executes requests in workers, and what needs no accelerator right here
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-executor.h"

#include "operations.h"
#include "pool-health.h"
#include "worker-process.h"

/* Until a worker takes requests; drivers may take their time. */
#define START_TIMEOUT_MS 30000

/* "--backend=", "--device=", …, NULL */
#define MAX_ARGUMENTS 8

typedef struct Pool Pool;

/* A worker, with its process if it has one */
typedef struct Worker {
    Pool *pool;
    char *vm;
    WorkerState state;
    WorkerProcess *process;     /* NULL while WAITING */
    GQueue queue;               /* Execution, not at the process yet */
    Execution *current;         /* at the process, when BUSY */
    gint64 current_since;       /* monotonic, µs */
    bool holds_memory;
    GHashTable *contexts;       /* that may have memory at the process */
    gint64 since;
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
};

struct WorkerExecutor {
    Executor base;
    char *program;
    char *kernels;
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

static unsigned *pool_slots(Pool *pool)
{
    return &pool->executor->base.slots[pool->id - VGPU_STUB_POOL_A];
}

/* --- The ends of an execution --- */

static void end_with_reply(Execution *execution, const Reply *reply,
                           gint64 used_us, bool fault)
{
    uint8_t response[VGPU_STUB_BUF_SIZE];
    const Outcome outcome = {
        .status = reply->status,
        .response = response,
        .length = reply_encode(reply, MIN(used_us, G_MAXUINT32), response),
        .used_us = used_us,
        .fault = fault,
    };

    execution->done(execution, &outcome);
}

/* It has not run. */
static void end_unstarted(Execution *execution, uint32_t status,
                          const char *why)
{
    Reply reply;

    reply_error(&reply, status, why);
    end_with_reply(execution, &reply, 0, false);
}

static void end_all_unstarted(GQueue *queue, uint32_t status, const char *why)
{
    Execution *execution;

    while ((execution = g_queue_pop_head(queue)) != NULL) {
        end_unstarted(execution, status, why);
    }
}

/* --- Workers --- */

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

/*
 * It serves its VM no longer, its process is about to go. What has not been
 * given to it is another worker's.
 */
static void worker_leave(Worker *worker)
{
    Pool *pool = worker->pool;

    g_hash_table_remove(pool->serving, worker->vm);
    worker->state = WORKER_LEAVING;
    worker_disarm(worker);
    pool->leaving++;
    if (worker->queue.length > 0) {
        worker_new(pool, worker->vm)->queue = worker->queue;
        g_queue_init(&worker->queue);
    }
}

/* Its process has failed, or is being killed for what it does not do. */
static void worker_lost(Worker *worker)
{
    const bool started = worker->state != WORKER_STARTING;
    Execution *current = worker->current;
    GQueue queue = G_QUEUE_INIT;

    worker->pool->executor->counters.deaths++;
    worker->current = NULL;
    if (!started) {
        /* Another one would hardly fare better. */
        queue = worker->queue;
        g_queue_init(&worker->queue);
    }
    worker_leave(worker);
    pool_settle(worker->pool);
    end_all_unstarted(&queue, VGPU_STUB_ERR_BACKEND_ERROR,
                      "the accelerator could not be opened");
    if (current != NULL) {
        Reply reply;

        reply_error(&reply, VGPU_STUB_ERR_BACKEND_ERROR,
                    "the request broke its worker, or had to be stopped; "
                    "this VM's memory in this pool is lost");
        end_with_reply(current, &reply,
                       g_get_monotonic_time() - worker->current_since, true);
    }
}

static gboolean worker_overdue(gpointer opaque)
{
    Worker *worker = opaque;

    worker->timer = 0;
    worker_process_kill(worker->process, worker->state == WORKER_BUSY
                        ? "killed, its request had to be stopped"
                        : "killed, it did not start in time");
    worker_lost(worker);
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

static gboolean worker_unused(gpointer opaque)
{
    Worker *worker = opaque;

    worker->timer = 0;
    worker_retire(worker);
    return G_SOURCE_REMOVE;
}

/* Kill it; nobody waits for what it does. */
static void worker_discard(Worker *worker)
{
    Execution *current = worker->current;
    GQueue queue = worker->queue;

    g_queue_init(&worker->queue);
    worker->current = NULL;
    worker_process_kill(worker->process, NULL);
    worker_leave(worker);
    if (current != NULL) {
        g_queue_push_head(&queue, current);
    }
    end_all_unstarted(&queue, VGPU_STUB_ERR_CANCELLED, "nobody waits for it");
}

static void worker_send(Worker *worker, const Execution *execution)
{
    if (!g_hash_table_contains(worker->contexts, &execution->context)) {
        g_hash_table_add(worker->contexts,
                         g_memdup(&execution->context,
                                  sizeof(execution->context)));
    }
    worker_process_send(worker->process, execution->context,
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

/* Give an idle worker what there is for it; or wait, but not for ever. */
static void worker_next(Worker *worker)
{
    worker->current = g_queue_pop_head(&worker->queue);
    if (worker->current != NULL) {
        worker->state = WORKER_BUSY;
        worker_disarm(worker);
        worker->current_since = g_get_monotonic_time();
        worker_send(worker, worker->current);
    } else if (!worker->holds_memory) {
        worker_arm(worker, worker->pool->settings->idle_s * 1000,
                   worker_unused);
    }
}

static void worker_ready(gpointer opaque)
{
    Worker *worker = opaque;

    worker->state = WORKER_IDLE;
    worker_disarm(worker);
    worker_next(worker);
}

static void worker_answer(gpointer opaque, const WorkerAnswer *answer)
{
    Worker *worker = opaque;
    Execution *execution = worker->current;
    const Outcome outcome = {
        .status = answer->status,
        .response = answer->response,
        .length = answer->length,
        .used_us = g_get_monotonic_time() - worker->current_since,
    };

    worker->state = WORKER_IDLE;
    worker->holds_memory = answer->holds_memory;
    worker_disarm(worker);
    worker_next(worker);
    pool_settle(worker->pool);
    execution->done(execution, &outcome);
}

static void worker_released(gpointer opaque, bool holds_memory)
{
    Worker *worker = opaque;

    worker->holds_memory = holds_memory;
    if (worker->state == WORKER_IDLE) {
        worker_next(worker);
        pool_settle(worker->pool);
    }
}

static void worker_failed(gpointer opaque)
{
    worker_lost(opaque);
}

static void worker_gone(gpointer opaque, const char *why)
{
    Worker *worker = opaque;
    Pool *pool = worker->pool;

    if (why != NULL) {
        g_warning("vm %s: its worker %d in pool %c was lost: %s", worker->vm,
                  worker_process_pid(worker->process), pool->id, why);
    }
    pool->processes--;
    pool->leaving--;
    worker_free(worker);
    pool_settle(pool);
}

/* --- Pools --- */

/* What a worker for @vm is started with, to be freed with g_strfreev() */
static char **pool_command(const Pool *pool, const char *vm, bool probe)
{
    const Config *config = pool->executor->config;
    const VmLimits *limits = config_limits(config, vm);
    GPtrArray *argv = g_ptr_array_sized_new(MAX_ARGUMENTS);

    g_ptr_array_add(argv, g_strdup(pool->executor->program));
    g_ptr_array_add(argv, g_strdup_printf(
        "--backend=%s", backend_names[pool->settings->backend]));
    g_ptr_array_add(argv, g_strdup_printf("--device=%u",
                                          pool->settings->device));
    g_ptr_array_add(argv, g_strdup_printf(
        "--kernels=%s", config_kernels(config) != NULL
                        ? config_kernels(config) : pool->executor->kernels));
    if (probe) {
        g_ptr_array_add(argv, g_strdup("--probe"));
        g_ptr_array_add(argv, NULL);
        return (char **)g_ptr_array_free(argv, FALSE);
    }
    g_ptr_array_add(argv, g_strdup_printf(
        "--memory=%" G_GUINT64_FORMAT, (guint64)limits->memory_mib << 20));
    if (limits->guest_kernels) {
        g_ptr_array_add(argv, g_strdup("--guest-kernels"));
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
        .failed = worker_failed,
        .gone = worker_gone,
    };
    g_auto(GStrv) argv = pool_command(pool, worker->vm, false);
    g_autoptr(GError) error = NULL;

    worker->process = worker_process_new((const char *const *)argv, &handlers,
                                         worker, &error);
    if (worker->process == NULL) {
        GQueue queue = worker->queue;

        g_warning("vm %s: no worker in pool %c: %s", worker->vm, pool->id,
                  error->message);
        worker_free(worker);
        end_all_unstarted(&queue, VGPU_STUB_ERR_BACKEND_ERROR,
                          "no worker could be started");
        return;
    }
    pool->executor->counters.starts++;
    pool->processes++;
    worker->state = WORKER_STARTING;
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

/* Nothing will serve what waits; those with memory serve on, if they may. */
static void pool_refuse(Pool *pool)
{
    const bool closed = pool_health_state(pool->health) == POOL_CLOSED;
    Worker *worker;

    while ((worker = pool_find(pool, WORKER_WAITING, false)) != NULL) {
        GQueue queue = worker->queue;

        worker_free(worker);
        end_all_unstarted(&queue, VGPU_STUB_ERR_INVALID_POOL,
                          "nothing serves the pool");
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

/* Retire an idle worker for each of @count that wait for a place. */
static void pool_make_room(Pool *pool, unsigned count)
{
    while (pool->leaving < count) {
        Worker *worker = pool_find(pool, WORKER_IDLE, true);

        if (worker == NULL) {
            return;
        }
        worker_retire(worker);
    }
}

/* Start what waits, as far as there are places for it. */
static void pool_settle(Pool *pool)
{
    unsigned waiting = 0;
    Worker *worker;

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
        pool_start(pool, worker);
    }
    for (GList *link = pool->workers.head; link != NULL; link = link->next) {
        worker = link->data;
        waiting += worker->state == WORKER_WAITING;
    }
    pool_make_room(pool, waiting);
}

static void pool_health_changed(gpointer pool)
{
    pool_settle(pool);
}

static void pool_configure(Pool *pool)
{
    pool->settings = config_pool(pool->executor->config, pool->id);
    if (pool->settings->backend == VGPU_STUB_BACKEND_NONE) {
        pool_health_close(pool->health);
    } else {
        g_auto(GStrv) argv = pool_command(pool, "", true);
        g_autofree char *name =
            g_strdup_printf("%s device %u",
                            backend_names[pool->settings->backend],
                            pool->settings->device);

        pool_health_try(pool->health, name, (const char *const *)argv);
    }
    pool_settle(pool);
}

static void pool_vm_gone(Pool *pool, const char *vm)
{
    Worker *worker = g_hash_table_lookup(pool->serving, vm);

    if (worker != NULL) {
        worker_discard(worker);
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
            worker_discard(worker);
        }
    }
}

/* --- The executor --- */

static void workers_configure(Executor *base, const Config *config)
{
    WorkerExecutor *executor = executor_of(base);

    executor->config = config;
    for (int i = 0; i < POOLS; i++) {
        pool_configure(&executor->pools[i]);
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
                       false);
        return;
    }
    worker = g_hash_table_lookup(pool->serving, execution->vm);
    if (worker == NULL) {
        worker = worker_new(pool, execution->vm);
    }
    g_queue_push_tail(&worker->queue, execution);
    if (worker->state == WORKER_IDLE) {
        worker_next(worker);
    } else if (worker->state == WORKER_WAITING) {
        pool_settle(pool);
    }
}

static void workers_stop(Executor *base, Execution *execution)
{
    Pool *pool = executor_pool(executor_of(base), execution->pool);
    Worker *worker = g_hash_table_lookup(pool->serving, execution->vm);

    if (execution == worker->current) {
        worker_arm(worker, WORKER_GRACE_MS, worker_overdue);
        return;
    }
    g_queue_remove(&worker->queue, execution);
    if (worker->state == WORKER_WAITING && worker->queue.length == 0) {
        worker_free(worker);
    }
    end_unstarted(execution, VGPU_STUB_ERR_CANCELLED,
                  "the request was cancelled before it ran");
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

WorkerExecutor *worker_executor_new(const char *program,
                                    const char *kernels)
{
    WorkerExecutor *executor = g_new0(WorkerExecutor, 1);

    executor->base = (Executor) {
        .vm_slots = 1,
        .configure = workers_configure,
        .start = workers_start,
        .stop = workers_stop,
        .release = workers_release,
        .vm_gone = workers_vm_gone,
    };
    executor->program = g_strdup(program);
    executor->kernels = g_strdup(kernels);
    for (int i = 0; i < POOLS; i++) {
        Pool *pool = &executor->pools[i];

        pool->executor = executor;
        pool->id = VGPU_STUB_POOL_A + i;
        pool->serving = g_hash_table_new(g_str_hash, g_str_equal);
        pool->health = pool_health_new(pool->id, pool_health_changed, pool);
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
    g_free(executor->program);
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

WorkerCounters worker_executor_counters(const WorkerExecutor *executor)
{
    return executor->counters;
}
