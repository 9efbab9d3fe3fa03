/*
 * From a guest's request to its execution
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dispatch.h"

#include "protocol/operations.h"
#include "protocol/turn.h"

/* Fires at the scheduler's next event, or before */
typedef struct DispatchSource {
    GSource source;
    Dispatch *dispatch;
} DispatchSource;

struct Dispatch {
    Jobs jobs;
    Vms *vms;
    Config *config;
    DispatchSource *source;
    Later later;                /* it fires at the end of this turn */
    Contexts *contexts;
};

static void dispatch_wake(Dispatch *dispatch)
{
    later_run(&dispatch->later);
}

static void dispatch_wake_for(Jobs *jobs)
{
    dispatch_wake((Dispatch *)((char *)jobs - offsetof(Dispatch, jobs)));
}

/* --- The main loop's part --- */

static void dispatch_end_early(Dispatch *dispatch, gint64 now)
{
    uint32_t status;
    Task *task;

    while ((task = scheduler_next_ended(dispatch->jobs.scheduler, now,
                                        &status)) != NULL) {
        job_end_early(job_of_task(task), status);
    }
}

static bool dispatch_start_task(Task *task)
{
    if (task != NULL) {
        job_start(job_of_task(task));
    }
    return task != NULL;
}

/* Start what may be; false when there was nothing. */
static bool dispatch_start(Dispatch *dispatch, gint64 now)
{
    Scheduler *scheduler = dispatch->jobs.scheduler;
    bool started = dispatch_start_task(scheduler_start_local(scheduler, now));

    for (PoolId pool = 0; pool < POOLS; pool++) {
        started |= dispatch_start_task(scheduler_start(scheduler, pool, now));
    }
    return started;
}

/* Tell the executors who wishes for a place. */
static void dispatch_wish(Dispatch *dispatch)
{
    Wish wish;

    while (scheduler_next_wish(dispatch->jobs.scheduler, &wish)) {
        contexts_wish(dispatch->contexts, &wish);
    }
}

/*
 * At @when, monotonic, µs: when it fires too early, it is set anew. Each change is
 * two system calls.
 */
static void dispatch_fire_at(Dispatch *dispatch, gint64 when)
{
    GSource *source = &dispatch->source->source;
    const gint64 before = g_source_get_ready_time(source);

    if (when != G_MAXINT64 && (before < 0 || MAX(when, 0) < before)) {
        g_source_set_ready_time(source, MAX(when, 0));
    }
}

static void dispatch_run(Dispatch *dispatch)
{
    gint64 now = g_get_monotonic_time();
    const gint64 end = now + DISPATCH_SLICE_US;
    bool started;

    dispatch_end_early(dispatch, now);
    do {
        started = dispatch_start(dispatch, now);
        now = g_get_monotonic_time();
    } while (started && now < end);
    dispatch_fire_at(dispatch, now < end ? scheduler_next_event(
                                               dispatch->jobs.scheduler)
                                         : 0);
    /* What has ended here has woken it for what was started since. */
    later_cancel(&dispatch->later);
    /* That may wake it again. */
    dispatch_wish(dispatch);
}

static void dispatch_later(Later *later)
{
    dispatch_run((Dispatch *)((char *)later - offsetof(Dispatch, later)));
}

static gboolean dispatch_ready(GSource *source,
                               GSourceFunc callback G_GNUC_UNUSED,
                               gpointer opaque G_GNUC_UNUSED)
{
    g_source_set_ready_time(source, -1);
    dispatch_run(((DispatchSource *)source)->dispatch);
    return G_SOURCE_CONTINUE;
}

/* --- What others decide --- */

/* A limit that has risen may let something run. */
static void dispatch_vm_changed(Vm *vm, gpointer opaque)
{
    Dispatch *dispatch = opaque;

    if (vm_quarantined(vm, g_get_monotonic_time())) {
        scheduler_vm_expel(dispatch->jobs.scheduler, vm,
                           VGPU_STUB_ERR_VM_QUARANTINED);
    }
    dispatch_wake(dispatch);
}

void dispatch_configure(Dispatch *dispatch, Config *config)
{
    g_clear_pointer(&dispatch->config, config_free);
    dispatch->config = config;
    accounts_log_all(dispatch->jobs.accounts, config_log_requests(config));
    scheduler_set_shares(dispatch->jobs.scheduler, config_shares(config));
    contexts_configure(dispatch->contexts, config);
    for (PoolId pool = 0; pool < POOLS; pool++) {
        Executor *executor = dispatch->jobs.executors[pool];

        executor->configure(executor, config);
    }
    vms_configure(dispatch->vms, config);
    dispatch_wake(dispatch);
}

static void dispatch_take_executor(Dispatch *dispatch, Executor *executor)
{
    dispatch->jobs.executors[executor->pool] = executor;
    contexts_take_executor(dispatch->contexts, executor);
}

Dispatch *dispatch_new(Vms *vms, Executor *const *executors, Config *config)
{
    static GSourceFuncs functions = { .dispatch = dispatch_ready };
    Dispatch *dispatch = g_new0(Dispatch, 1);

    dispatch->jobs.scheduler = scheduler_new();
    dispatch->jobs.accounts = accounts_new();
    dispatch->jobs.wake = dispatch_wake_for;
    dispatch->later.kind = LATER_WORK;
    dispatch->later.run = dispatch_later;
    dispatch->vms = vms;
    dispatch->contexts = contexts_new(&dispatch->jobs);
    /* As urgent as the sockets, which might never be idle */
    dispatch->source = (DispatchSource *)g_source_new(
        &functions, sizeof(*dispatch->source));
    dispatch->source->dispatch = dispatch;
    g_source_attach(&dispatch->source->source, NULL);
    for (PoolId pool = 0; pool < POOLS; pool++) {
        dispatch_take_executor(dispatch, executors[pool]);
    }
    vms_on_change(vms, dispatch_vm_changed, dispatch);
    dispatch_configure(dispatch, config);
    return dispatch;
}

void dispatch_free(Dispatch *dispatch)
{
    later_cancel(&dispatch->later);
    g_source_destroy(&dispatch->source->source);
    g_source_unref(&dispatch->source->source);
    contexts_free(dispatch->contexts);
    scheduler_free(dispatch->jobs.scheduler);
    accounts_free(dispatch->jobs.accounts);
    config_free(dispatch->config);
    g_free(dispatch);
}

/* --- What comes from devices --- */

void dispatch_vm_disconnected(Dispatch *dispatch, Vm *vm)
{
    if (vm_disconnected(vm)) {
        contexts_detach(dispatch->contexts, vm);
    }
}

uint64_t dispatch_context_new(Dispatch *dispatch, Vm *vm)
{
    return contexts_begin(dispatch->contexts, vm);
}

void dispatch_context_end(Dispatch *dispatch, uint64_t context)
{
    /* First, who heard that it wishes for a place has to hear that not. */
    dispatch_wish(dispatch);
    contexts_end(dispatch->contexts, context);
}

/* Where requests of @vm go that a device sends to @pool */
static PoolId dispatch_pool(const Vm *vm, uint8_t pool)
{
    const unsigned choice = vm_limits(vm)->pool;

    return choice == POOL_CHOICE_ANY ? pool_of_letter(pool)
                                     : pool_of_choice(choice);
}

void dispatch_vm_has_queue(Dispatch *dispatch, Vm *vm, uint8_t pool)
{
    contexts_attach(dispatch->contexts, vm, dispatch_pool(vm, pool));
}

Context *dispatch_context_open(Dispatch *dispatch, Vm *vm, uint8_t pool,
                               const ContextHandlers *handlers,
                               gpointer opaque)
{
    /* It may be another pool than when the device came. */
    dispatch_vm_has_queue(dispatch, vm, pool);
    return contexts_open(dispatch->contexts, vm, dispatch_pool(vm, pool),
                         handlers, opaque);
}

const Contexts *dispatch_contexts(const Dispatch *dispatch)
{
    return dispatch->contexts;
}

/* What the mailbox carries has to fit into its buffer. */
static bool dispatch_decode(Call *call, const Request *request, Reply *reply)
{
    const uint32_t length = request_header(request)->length;

    if (length > VGPU_STUB_MAX_REQUEST) {
        reply_error(reply, VGPU_STUB_ERR_REQUEST_TOO_LARGE,
                    "the request is larger than the buffer");
        return false;
    }
    return call_decode(call, request_payload(request), length, reply);
}

void dispatch_request(Dispatch *dispatch, Vm *vm, uint64_t context,
                      uint8_t pool, uint8_t priority, Request *request)
{
    Task task = {
        .vm = vm,
        .pool = dispatch_pool(vm, pool),
        .context = context,
        .priority = MIN(priority, vm_limits(vm)->priority),
    };
    Call call;
    Reply reply;

    reply_init(&reply, VGPU_STUB_MAX_RESPONSE);
    /* First, so that nothing too large ever waits */
    if (!dispatch_decode(&call, request, &reply)) {
        accounts_end(dispatch->jobs.accounts, &task, request, reply.status,
                     false, 0, 0);
        request_reply(request, &reply);
        return;
    }
    task.kind = task_kind(call.opcode, false);
    task.boost = call.flags & VGPU_STUB_REQUEST_BOOST;
    task.local = !operations_need_accelerator(call.opcode);
    jobs_add(&dispatch->jobs, &task, &call, request);
}

/* --- The daemon's end --- */

unsigned dispatch_drain_ms(const Dispatch *dispatch)
{
    return config_workers(dispatch->config)->drain_ms;
}

bool dispatch_pending(const Dispatch *dispatch, gint64 when)
{
    return jobs_pending(&dispatch->jobs, when);
}

void dispatch_end_all(Dispatch *dispatch, gint64 when)
{
    jobs_drain(&dispatch->jobs, when);
}

/* --- To look at --- */

static void add_to_report(Vm *vm, gpointer opaque)
{
    const VmReport report = scheduler_vm_report(vm);
    DispatchReport *total = opaque;

    total->vms++;
    total->quarantined += vm_quarantined(vm, g_get_monotonic_time());
    total->waiting += report.waiting;
    total->running += report.running;
}

static void count_context(const ContextReport *context G_GNUC_UNUSED,
                          gpointer opaque)
{
    ((DispatchReport *)opaque)->contexts++;
}

DispatchReport dispatch_report(const Dispatch *dispatch)
{
    DispatchReport report = {
        .arena_bytes = contexts_arena_bytes(dispatch->contexts),
    };

    contexts_foreach(dispatch->contexts, count_context, &report);
    vms_foreach(dispatch->vms, add_to_report, &report);
    return report;
}

ClassReport dispatch_class_report(const Dispatch *dispatch, PoolId pool,
                                  uint8_t priority)
{
    return scheduler_class_report(dispatch->jobs.scheduler, pool, priority);
}

const Stats *dispatch_stats(const Dispatch *dispatch)
{
    return accounts_stats(dispatch->jobs.accounts);
}
