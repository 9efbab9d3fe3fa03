/*
 * A worker of one VM in one pool, and its states
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker.h"

/* Until a worker takes requests; drivers may take their time. */
#define START_TIMEOUT_MS 30000

#define MEMORY_IS_LOST "this VM's memory in this pool is lost"

Worker *worker_new(const Workplace *place, const char *vm)
{
    Worker *worker = g_new0(Worker, 1);

    worker->place = place;
    worker->vm = g_strdup(vm);
    worker->contexts = g_hash_table_new_full(g_int64_hash, g_int64_equal,
                                             g_free, NULL);
    worker->since = g_get_monotonic_time();
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

void worker_free(Worker *worker)
{
    worker_disarm(worker);
    g_hash_table_unref(worker->contexts);
    g_free(worker->vm);
    g_free(worker);
}

WorkerReport worker_report(const Worker *worker)
{
    return (WorkerReport) {
        .vm = worker->vm,
        .pool = worker->place->pool,
        .pid = worker->process != NULL ? worker_process_pid(worker->process)
                                       : 0,
        .state = worker->state,
        .holds_memory = worker->holds_memory,
        .request_id = worker->current != NULL ? worker->current->request_id
                                              : 0,
        .since = worker->since,
    };
}

/* --- How it ends --- */

/* It serves its VM no longer, its process is about to go. */
static void worker_leave(Worker *worker)
{
    worker->state = WORKER_LEAVING;
    worker_disarm(worker);
    worker->place->left(worker);
}

/* What it had, if anything, has ended with @status. */
static void worker_end_current(Worker *worker, Execution *current,
                               uint32_t status, const char *why,
                               ExecutionEnd end)
{
    Reply reply;

    if (current != NULL) {
        reply_init(&reply, VGPU_STUB_MAX_RESPONSE);
        reply_error(&reply, status, why);
        execution_reply(current, &reply,
                        g_get_monotonic_time() - worker->current_since, end);
    }
}

/* Its process has failed, or is killed for what it does not do. */
static void worker_lost(Worker *worker)
{
    worker->unstarted = worker->state == WORKER_STARTING;
    worker_leave(worker);
    worker->place->lost(worker);
}

static gboolean worker_overdue(gpointer opaque)
{
    Worker *worker = opaque;
    Execution *current = worker->current;

    worker->timer = 0;
    worker->current = NULL;
    worker_process_kill(worker->process, worker->state == WORKER_BUSY
                        ? "killed, its request had to be stopped"
                        : "killed, it did not start in time");
    worker_lost(worker);
    worker_end_current(worker, current, VGPU_STUB_ERR_BACKEND_ERROR,
                       "the request had to be stopped; " MEMORY_IS_LOST,
                       (ExecutionEnd) { .killed = true });
    return G_SOURCE_REMOVE;
}

/* The request that was at its process broke that: @how it ended. */
static void worker_end_broken(Worker *worker, const char *how)
{
    Execution *current = worker->current;
    g_autofree char *text = g_strdup_printf(
        "the request broke its worker: %s; " MEMORY_IS_LOST, how);

    worker->current = NULL;
    worker_end_current(worker, current, VGPU_STUB_ERR_BACKEND_ERROR, text,
                       (ExecutionEnd) { .broke = true });
}

/* What its process ended with is not known in time. */
static gboolean worker_unknown(gpointer opaque)
{
    Worker *worker = opaque;

    worker->timer = 0;
    worker_end_broken(worker, "how is not known");
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

void worker_retire(Worker *worker)
{
    worker_process_retire(worker->process);
    worker_leave(worker);
    worker_arm(worker, WORKER_GRACE_MS, worker_stays);
}

void worker_discard(Worker *worker, bool killed)
{
    Execution *current = worker->current;

    worker->current = NULL;
    worker_process_kill(worker->process, NULL);
    worker_leave(worker);
    worker_end_current(worker, current, VGPU_STUB_ERR_CANCELLED,
                       "nobody waits for it",
                       (ExecutionEnd) { .killed = killed });
}

/* --- What it does --- */

static gboolean worker_unused(gpointer opaque);

/* It has nothing to do, but that is not to be for ever. */
static void worker_rest(Worker *worker)
{
    const PoolSettings *settings =
        config_pool(worker->place->config, worker->place->pool);

    worker->state = WORKER_IDLE;
    worker_disarm(worker);
    if (!worker->holds_memory) {
        worker_arm(worker, settings->idle_s * 1000, worker_unused);
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

static void worker_send(Worker *worker, const Execution *execution)
{
    const VmLimits *vm = config_limits(worker->place->config, worker->vm);
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

void worker_execute(Worker *worker, Execution *execution)
{
    g_assert(worker->state == WORKER_IDLE);
    worker->state = WORKER_BUSY;
    worker->served = true;
    worker->current = execution;
    worker->current_since = g_get_monotonic_time();
    worker_disarm(worker);
    worker_send(worker, execution);
}

void worker_stop(Worker *worker)
{
    /* One that has failed is about to end it. */
    if (worker->state == WORKER_BUSY) {
        worker_arm(worker, EXECUTION_GRACE_MS, worker_overdue);
    }
}

void worker_release(Worker *worker, uint64_t context)
{
    if (g_hash_table_remove(worker->contexts, &context)) {
        worker_process_release(worker->process, context);
    }
}

/* --- What its process says --- */

static void worker_ready(gpointer opaque)
{
    Worker *worker = opaque;

    worker->placed = g_get_monotonic_time();
    worker_rest(worker);
    worker->place->ready(worker);
}

static void worker_answer(gpointer opaque, const WorkerAnswer *answer)
{
    Worker *worker = opaque;
    Execution *execution = worker->current;
    const ExecutionEnd end = {
        .status = answer->status,
        .response = answer->response,
        .length = answer->length,
    };

    worker->current = NULL;
    worker->holds_memory = answer->holds_memory;
    worker_rest(worker);
    worker->place->rested(worker);
    execution->done(execution, &end);
}

static void worker_released(gpointer opaque, bool holds_memory)
{
    Worker *worker = opaque;

    worker->holds_memory = holds_memory;
    if (worker->state == WORKER_IDLE) {
        worker_rest(worker);
        worker->place->rested(worker);
    }
}

/* It, or its driver, or the guest's own program has printed @text. */
static void worker_said(gpointer opaque, const char *text)
{
    Worker *worker = opaque;
    const char pool[] = { pool_letter(worker->place->pool), '\0' };

    if (log_limit_admit(worker->place->said, worker->vm)) {
        g_log_structured(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE,
                         "VGPU_VM", worker->vm, "VGPU_POOL", pool,
                         "MESSAGE", "vm %s: its worker %d in pool %s says: %s",
                         worker->vm, worker_process_pid(worker->process),
                         pool, text);
    }
}

/* How it ended is known when it is gone: what it has waits for that. */
static void worker_failed(gpointer opaque)
{
    Worker *worker = opaque;

    worker_lost(worker);
    if (worker->current != NULL) {
        worker_arm(worker, EXECUTION_GRACE_MS, worker_unknown);
    }
}

static void worker_gone(gpointer opaque, const char *why)
{
    Worker *worker = opaque;

    worker_end_broken(worker, why != NULL ? why : "killed");
    worker->place->gone(worker, why);
}

bool worker_start(Worker *worker, Starter *starter, const char *const *argv,
                  GError **error)
{
    static const WorkerProcessHandlers handlers = {
        .ready = worker_ready,
        .answer = worker_answer,
        .released = worker_released,
        .said = worker_said,
        .failed = worker_failed,
        .gone = worker_gone,
    };

    worker->process = worker_process_new(starter, argv, &handlers, worker,
                                         error);
    if (worker->process == NULL) {
        return false;
    }
    worker->state = WORKER_STARTING;
    worker->placed = g_get_monotonic_time();
    worker_arm(worker, START_TIMEOUT_MS, worker_overdue);
    return true;
}
