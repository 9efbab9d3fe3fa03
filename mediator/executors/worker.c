/*
 * A worker of one context in one pool, and its states
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker.h"

#include <string.h>

/* Until a worker takes requests; drivers may take their time. */
#define START_TIMEOUT_MS 30000

#define MEMORY_IS_LOST "its memory on the accelerator is lost"

Worker *worker_new(const Workplace *place, PoolVm *vm, uint64_t context,
                   Arena *arena)
{
    Worker *worker = g_new0(Worker, 1);

    worker->place = place;
    worker->vm = vm;
    worker->context = context;
    worker->opened = arena != NULL;
    worker->arena = arena != NULL ? arena_ref(arena) : NULL;
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
    g_clear_pointer(&worker->arena, arena_unref);
    g_free(worker);
}

static void worker_set_state(Worker *worker, WorkerState state)
{
    const WorkerState before = worker->state;

    if (state != before) {
        worker->state = state;
        worker->place->changed(worker, before);
    }
}

/* What it executes; NULL for nothing */
static Execution *worker_current(const Worker *worker)
{
    const GList *first = worker->executions.head;

    return first != NULL ? first->data : NULL;
}

static const char *worker_vm(const Worker *worker)
{
    return worker->vm != NULL ? worker->vm->name : "";
}

WorkerReport worker_report(const Worker *worker)
{
    const Execution *current = worker_current(worker);
    const char *place = worker->process != NULL
                        ? worker_process_place(worker->process) : NULL;

    return (WorkerReport) {
        .vm = worker_vm(worker),
        .context = worker->context,
        .pool = worker->place->pool,
        .pid = worker->process != NULL ? worker_process_pid(worker->process)
                                       : 0,
        .place = place != NULL ? place : "",
        .state = worker->state,
        .memory = worker->granted,
        .request_id = current != NULL ? current->request_id : 0,
        .since = worker->since,
    };
}

/* --- What it executes --- */

static gboolean worker_overdue(gpointer opaque);

/* The first of its executions has begun. */
static void worker_begin(Worker *worker)
{
    Execution *execution = worker_current(worker);

    worker->begun = g_get_monotonic_time();
    if (execution->stopped) {
        worker_arm(worker, EXECUTION_GRACE_MS, worker_overdue);
    }
    if (execution->begun != NULL) {
        execution->begun(execution);
    }
}

static void worker_end(Execution *execution, gint64 took, uint32_t status,
                       const char *why, ExecutionEnd end)
{
    Reply reply;

    reply_init(&reply, VGPU_STUB_MAX_RESPONSE);
    reply_error(&reply, status, why);
    execution_reply(execution, &reply, took, end);
}

/*
 * What was executed, if anything, has ended with @status, and what waited
 * behind it with @others.
 */
static void worker_end_all(Worker *worker, uint32_t status, const char *why,
                           ExecutionEnd end, uint32_t others)
{
    const gint64 took = g_get_monotonic_time() - worker->begun;
    GQueue executions = worker->executions;
    Execution *execution;

    g_queue_init(&worker->executions);
    end.lost = worker->opened && !worker->released;
    execution = g_queue_pop_head(&executions);
    if (execution != NULL) {
        worker_end(execution, took, status, why, end);
    }
    while ((execution = g_queue_pop_head(&executions)) != NULL) {
        worker_end(execution, 0, others, others == VGPU_STUB_ERR_CANCELLED
                   ? "nobody waits for it"
                   : "it had not begun when its worker was lost",
                   (ExecutionEnd) { .lost = end.lost });
    }
}

/* As what those end that had no part in its end */
static uint32_t worker_lost_status(const Worker *worker)
{
    return worker->opened ? VGPU_STUB_ERR_CONTEXT_LOST
                          : VGPU_STUB_ERR_BACKEND_ERROR;
}

/* --- How it ends --- */

/* It serves its context no longer, its process is about to go. */
static void worker_leave(Worker *worker)
{
    worker_disarm(worker);
    worker_set_state(worker, WORKER_LEAVING);
    worker->place->left(worker);
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

    worker->timer = 0;
    worker_process_kill(worker->process, worker->state == WORKER_BUSY
                        ? "killed, its request had to be stopped"
                        : "killed, it did not start in time");
    worker_lost(worker);
    worker_end_all(worker, VGPU_STUB_ERR_BACKEND_ERROR,
                   "the request had to be stopped; " MEMORY_IS_LOST,
                   (ExecutionEnd) { .killed = true },
                   worker_lost_status(worker));
    return G_SOURCE_REMOVE;
}

/*
 * The request that was at its process broke that, unless its place is to blame:
 * @how it ended.
 */
static void worker_end_broken(Worker *worker, const char *how)
{
    const bool guilty = worker_process_is_to_blame(worker->process);
    g_autofree char *text = g_strdup_printf(
        "%s: %s; " MEMORY_IS_LOST, guilty ? "the request broke its worker"
                                          : "its worker was lost", how);

    worker_end_all(worker, VGPU_STUB_ERR_BACKEND_ERROR, text,
                   (ExecutionEnd) { .broke = true, .innocent = !guilty },
                   worker_lost_status(worker));
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

unsigned worker_grace_ms(const Worker *worker)
{
    return worker_process_place(worker->process) != NULL ? WORKER_GRACE_FAR_MS
                                                         : WORKER_GRACE_MS;
}

void worker_retire(Worker *worker)
{
    worker_process_retire(worker->process);
    worker_leave(worker);
    worker_arm(worker, worker_grace_ms(worker), worker_stays);
}

void worker_discard(Worker *worker, bool killed)
{
    worker_process_kill(worker->process, NULL);
    worker_leave(worker);
    worker_end_all(worker, VGPU_STUB_ERR_CANCELLED, "nobody waits for it",
                   (ExecutionEnd) { .killed = killed },
                   VGPU_STUB_ERR_CANCELLED);
}

/* --- What it does --- */

static gboolean worker_unused(gpointer opaque);

/* It has nothing to do, but a mailbox's is not to be so for ever. */
static void worker_rest(Worker *worker)
{
    const PoolSettings *settings =
        config_pool(worker->place->config, worker->place->pool);

    worker_disarm(worker);
    worker_set_state(worker, WORKER_IDLE);
    if (!worker->opened && worker->granted == 0) {
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

static void worker_set_limits(Worker *worker)
{
    const VmLimits *vm = config_limits(worker->place->config,
                                       worker->vm->name);

    worker_process_set_limits(worker->process, &(struct worker_limits) {
        .memory = GUINT64_TO_LE((guint64)vm->memory_mib << 20),
        .others = GUINT64_TO_LE(worker->vm->memory - worker->vm->leaving -
                                worker->granted),
        .flags = GUINT32_TO_LE(vm->guest_kernels ? WORKER_LIMITS_GUEST_KERNELS
                                                 : 0),
    });
}

/* Give it to its process; returns whether its bytes are on their way then. */
static bool worker_send(Worker *worker, const Execution *execution)
{
    if (execution->queued != NULL) {
        return worker_process_send_queued(worker->process, execution->queued);
    }
    worker_process_send(worker->process, execution->request,
                        execution->length);
    return false;
}

static void worker_travels(Worker *worker, guint number, bool travels)
{
    Execution *execution = g_queue_peek_nth(&worker->executions, number);

    if (execution->travels != NULL) {
        execution->travels(execution, travels);
    }
}

void worker_execute(Worker *worker, Execution *execution)
{
    const bool idle = worker->state == WORKER_IDLE;
    bool travels;

    g_assert(idle || worker->state == WORKER_BUSY);
    worker->served = true;
    g_queue_push_tail(&worker->executions, execution);
    worker_set_limits(worker);
    travels = worker_send(worker, execution);
    if (idle) {
        worker_disarm(worker);
        worker_set_state(worker, WORKER_BUSY);
        worker_begin(worker);
    }
    if (travels) {
        worker_travels(worker, worker->executions.length - 1, true);
    }
}

void worker_stop(Worker *worker, Execution *execution)
{
    execution->stopped = true;
    /* One that has failed is about to end it. */
    if (worker->state == WORKER_BUSY && execution == worker_current(worker)) {
        worker_arm(worker, EXECUTION_GRACE_MS, worker_overdue);
    }
}

/* Its process is ready, and now its context's. */
static void worker_begin_context(Worker *worker)
{
    worker_process_tell_owner(worker->process, worker->vm->name,
                              worker->context);
    if (worker->opened) {
        worker_process_share(worker->process, worker->context,
                             worker->arena);
    }
    worker->placed = g_get_monotonic_time();
    worker_rest(worker);
}

/* --- What its process says --- */

static void worker_ready(gpointer opaque)
{
    Worker *worker = opaque;

    if (worker->vm == NULL) {
        worker_disarm(worker);
        worker_set_state(worker, WORKER_SPARE);
    } else {
        worker_begin_context(worker);
    }
    worker->place->ready(worker);
}

/* A MEMORY_FREE that only the worker wants */
typedef struct Freeing {
    Execution execution;        /* first: the one is cast to the other */
    struct {
        struct vgpu_stub_request header;
        uint32_t handle[2];
    } request;
} Freeing;

static void freeing_done(Execution *execution,
                         const ExecutionEnd *end G_GNUC_UNUSED)
{
    g_free((Freeing *)execution);
}

static void worker_free_memory(Worker *worker, const uint32_t handle[2])
{
    Freeing *freeing = g_new0(Freeing, 1);

    freeing->request.header = (struct vgpu_stub_request) {
        .version = GUINT32_TO_LE(VGPU_STUB_PROTOCOL_VERSION),
        .opcode = GUINT32_TO_LE(VGPU_STUB_OP_MEMORY_FREE),
        .param_count = GUINT32_TO_LE(2),
    };
    memcpy(freeing->request.handle, handle, sizeof(freeing->request.handle));
    freeing->execution = (Execution) {
        .vm = worker->vm->name,
        .context = worker->context,
        .request = (const uint8_t *)&freeing->request,
        .length = sizeof(freeing->request),
        .stopped = true,        /* it is not to take long */
        .done = freeing_done,
    };
    worker_execute(worker, &freeing->execution);
}

/* Of a mailbox, which has stopped @execution and does not take its answer */
static void worker_take_back(Worker *worker, const Execution *execution,
                             const WorkerAnswer *answer)
{
    struct vgpu_stub_request request;
    struct {
        struct vgpu_stub_response header;
        uint32_t handle[2];
    } response;

    if (answer->status != VGPU_STUB_ERR_NONE ||
        execution->length < sizeof(request) ||
        answer->length < sizeof(response)) {
        return;
    }
    memcpy(&request, execution->request, sizeof(request));
    memcpy(&response, answer->response, sizeof(response));
    if (GUINT32_FROM_LE(request.opcode) == VGPU_STUB_OP_MEMORY_ALLOC &&
        GUINT32_FROM_LE(response.header.result_count) == 2) {
        worker_free_memory(worker, response.handle);
    }
}

static bool worker_answer(gpointer opaque, const WorkerAnswer *answer,
                          GError **error)
{
    Worker *worker = opaque;
    Execution *execution = worker_current(worker);
    const ExecutionEnd end = {
        .status = answer->status,
        .response = answer->response,
        .length = answer->length,
        .bulk_moved = answer->bulk_moved,
        .device_us = answer->took,
    };

    if (worker->opened &&
        !arena_check_answer(execution->queued, answer->length,
                            answer->bulk_moved, error)) {
        return false;
    }
    if (!worker->opened && execution->stopped) {
        worker_take_back(worker, execution, answer);
    }
    g_queue_pop_head(&worker->executions);
    if (worker_current(worker) == NULL) {
        worker_rest(worker);
        worker->place->rested(worker);
        execution->done(execution, &end);
    } else {
        worker_disarm(worker);
        execution->done(execution, &end);
        if (worker_current(worker) != NULL) {
            worker_begin(worker);
        }
    }
    return true;
}

static void worker_came(gpointer opaque, guint number)
{
    worker_travels(opaque, number, false);
}

static void worker_computed(gpointer opaque, guint number)
{
    worker_travels(opaque, number, true);
}

static bool worker_memory(gpointer opaque, uint64_t held, uint64_t wanted,
                          GError **error)
{
    Worker *worker = opaque;

    return worker->place->memory(worker, held, wanted, error);
}

/* It, or its driver, or the guest's own program has printed @text. */
static void worker_said(gpointer opaque, const char *text)
{
    Worker *worker = opaque;
    const char pool[] = { pool_letter(worker->place->pool), '\0' };
    const char *vm = worker_vm(worker);

    if (log_limit_admit(worker->place->said, vm)) {
        g_log_structured(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE,
                         "VGPU_VM", vm, "VGPU_POOL", pool,
                         "MESSAGE", "vm %s: its worker %d in pool %s says: %s",
                         vm, worker_process_pid(worker->process), pool, text);
    }
}

/* How it ended is known when it is gone: what it has waits for that. */
static void worker_failed(gpointer opaque)
{
    Worker *worker = opaque;

    worker_lost(worker);
    if (worker_current(worker) != NULL) {
        worker_arm(worker, EXECUTION_GRACE_MS, worker_unknown);
    }
}

static void worker_gone(gpointer opaque, const char *why)
{
    Worker *worker = opaque;

    worker_end_broken(worker, why != NULL ? why : "killed");
    worker->place->gone(worker, why);
}

static const WorkerProcessHandlers handlers = {
    .ready = worker_ready,
    .answer = worker_answer,
    .came = worker_came,
    .computed = worker_computed,
    .memory = worker_memory,
    .said = worker_said,
    .failed = worker_failed,
    .gone = worker_gone,
};

bool worker_start(Worker *worker, Starter *starter, const char *const *argv,
                  bool far, GError **error)
{
    worker->process = (far ? worker_process_launch : worker_process_new)(
        starter, argv, &handlers, worker, error);
    if (worker->process == NULL) {
        return false;
    }
    worker_set_state(worker, WORKER_STARTING);
    worker->placed = g_get_monotonic_time();
    worker_arm(worker, START_TIMEOUT_MS, worker_overdue);
    return true;
}

void worker_take(Worker *worker, Worker *spare)
{
    worker->process = spare->process;
    worker->placed = spare->placed;
    worker_process_set_owner(worker->process, worker);
    spare->process = NULL;
    if (spare->state == WORKER_STARTING) {
        worker_set_state(worker, WORKER_STARTING);
        worker_arm(worker, START_TIMEOUT_MS, worker_overdue);
    } else {
        worker_begin_context(worker);
    }
}
