/*
 * From a guest's request to its execution
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dispatch.h"

#include "job.h"
#include "protocol/operations.h"

/* Fires at once, or at the scheduler's next event */
typedef struct DispatchSource {
    GSource source;
    Dispatch *dispatch;
} DispatchSource;

/* One that has begun and not ended */
typedef struct Context {
    uint64_t number;
    Vm *vm;
} Context;

struct Dispatch {
    Jobs jobs;
    Vms *vms;
    Config *config;
    DispatchSource *source;
    uint64_t latest;            /* number of a context */
    GHashTable *contexts;       /* Context, by their numbers */
};

static void dispatch_wake(Dispatch *dispatch)
{
    g_source_set_ready_time(&dispatch->source->source, 0);
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
static bool dispatch_start(Dispatch *dispatch)
{
    Scheduler *scheduler = dispatch->jobs.scheduler;
    bool started = dispatch_start_task(scheduler_start_local(scheduler));

    for (PoolId pool = 0; pool < POOLS; pool++) {
        started |= dispatch_start_task(scheduler_start(scheduler, pool));
    }
    return started;
}

/* Tell the executors who wishes for a place. */
static void dispatch_wish(Dispatch *dispatch)
{
    Wish wish;

    while (scheduler_next_wish(dispatch->jobs.scheduler, &wish)) {
        Executor *executor = dispatch->jobs.executors[wish.pool];

        executor->wish(executor, vm_name(wish.vm), wish.context, wish.place);
    }
}

static gboolean dispatch_ready(GSource *source,
                               GSourceFunc callback G_GNUC_UNUSED,
                               gpointer opaque G_GNUC_UNUSED)
{
    Dispatch *dispatch = ((DispatchSource *)source)->dispatch;
    const gint64 now = g_get_monotonic_time();
    gint64 next;

    dispatch_end_early(dispatch, now);
    while (dispatch_start(dispatch) &&
           g_get_monotonic_time() - now < DISPATCH_SLICE_US) {
    }
    next = g_get_monotonic_time() - now < DISPATCH_SLICE_US
           ? scheduler_next_event(dispatch->jobs.scheduler) : 0;
    g_source_set_ready_time(source, next == G_MAXINT64 ? -1 : MAX(next, 0));
    /* That may wake it again. */
    dispatch_wish(dispatch);
    return G_SOURCE_CONTINUE;
}

/* --- What others decide --- */

/* A limit that has risen may let something run. */
static void dispatch_vm_changed(Vm *vm, gpointer opaque)
{
    if (vm_quarantined(vm, g_get_monotonic_time())) {
        scheduler_vm_expel(vm, VGPU_STUB_ERR_VM_QUARANTINED);
    }
    dispatch_wake(opaque);
}

static void dispatch_slots_changed(Executor *executor)
{
    Dispatch *dispatch = executor->opaque;

    scheduler_set_slots(dispatch->jobs.scheduler, executor->pool,
                        executor->slots);
    dispatch_wake(dispatch);
}

static void dispatch_place_changed(Executor *executor, uint64_t number,
                                   bool place)
{
    Dispatch *dispatch = executor->opaque;
    const Context *context = g_hash_table_lookup(dispatch->contexts, &number);

    if (context != NULL) {
        scheduler_set_place(dispatch->jobs.scheduler, context->vm,
                            executor->pool, number, place);
        dispatch_wake(dispatch);
    }
}

static void dispatch_place_refused(Executor *executor, uint64_t number,
                                   uint32_t status)
{
    Dispatch *dispatch = executor->opaque;
    const Context *context = g_hash_table_lookup(dispatch->contexts, &number);

    if (context != NULL) {
        scheduler_refuse(dispatch->jobs.scheduler, context->vm,
                         executor->pool, number, status);
        dispatch_wake(dispatch);
    }
}

/* A mailbox goes on with another worker. */
static void dispatch_context_lost(Executor *executor G_GNUC_UNUSED,
                                  uint64_t context G_GNUC_UNUSED)
{
}

/* Nobody waits for the end of a mailbox's. */
static void dispatch_context_gone(Executor *executor G_GNUC_UNUSED,
                                  uint64_t context G_GNUC_UNUSED)
{
}

void dispatch_configure(Dispatch *dispatch, Config *config)
{
    g_clear_pointer(&dispatch->config, config_free);
    dispatch->config = config;
    accounts_log_all(dispatch->jobs.accounts, config_log_requests(config));
    scheduler_set_shares(dispatch->jobs.scheduler, config_shares(config));
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
    executor->slots_changed = dispatch_slots_changed;
    executor->place_changed = dispatch_place_changed;
    executor->place_refused = dispatch_place_refused;
    executor->context_lost = dispatch_context_lost;
    executor->context_gone = dispatch_context_gone;
    executor->opaque = dispatch;
    scheduler_set_vm_slots(dispatch->jobs.scheduler, executor->pool,
                           executor->vm_slots);
}

Dispatch *dispatch_new(Vms *vms, Executor *const *executors, Config *config)
{
    static GSourceFuncs functions = { .dispatch = dispatch_ready };
    Dispatch *dispatch = g_new0(Dispatch, 1);

    dispatch->jobs.scheduler = scheduler_new();
    dispatch->jobs.accounts = accounts_new();
    dispatch->jobs.wake = dispatch_wake_for;
    dispatch->vms = vms;
    dispatch->contexts = g_hash_table_new_full(g_int64_hash, g_int64_equal,
                                               NULL, g_free);
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
    g_source_destroy(&dispatch->source->source);
    g_source_unref(&dispatch->source->source);
    scheduler_free(dispatch->jobs.scheduler);
    accounts_free(dispatch->jobs.accounts);
    config_free(dispatch->config);
    g_hash_table_unref(dispatch->contexts);
    g_free(dispatch);
}

/* --- What comes from devices --- */

void dispatch_vm_connected(Dispatch *dispatch G_GNUC_UNUSED, Vm *vm)
{
    vm_connected(vm);
}

void dispatch_vm_disconnected(Dispatch *dispatch, Vm *vm)
{
    if (vm_disconnected(vm)) {
        for (PoolId pool = 0; pool < POOLS; pool++) {
            Executor *executor = dispatch->jobs.executors[pool];

            executor->vm_gone(executor, vm_name(vm));
        }
    }
}

uint64_t dispatch_context_new(Dispatch *dispatch, Vm *vm)
{
    Context *context = g_new0(Context, 1);

    context->number = ++dispatch->latest;
    context->vm = vm;
    g_hash_table_insert(dispatch->contexts, &context->number, context);
    return context->number;
}

void dispatch_context_end(Dispatch *dispatch, Vm *vm, uint64_t context)
{
    /* First, who heard that it wishes for a place has to hear that not. */
    dispatch_wish(dispatch);
    scheduler_context_end(dispatch->jobs.scheduler, vm, context);
    g_hash_table_remove(dispatch->contexts, &context);
    for (PoolId pool = 0; pool < POOLS; pool++) {
        Executor *executor = dispatch->jobs.executors[pool];

        executor->release(executor, vm_name(vm), context);
    }
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
    const VmLimits *limits = vm_limits(vm);
    Task task = {
        .vm = vm,
        .pool = limits->pool == POOL_CHOICE_ANY
                ? pool_of_letter(pool) : pool_of_choice(limits->pool),
        .context = context,
        .priority = MIN(priority, limits->priority),
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

DispatchReport dispatch_report(const Dispatch *dispatch)
{
    DispatchReport report = { 0 };

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
