/*
 * From a guest's request to its execution
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dispatch.h"

#include "device-time.h"
#include "domains.h"
#include "protocol/operations.h"
#include "request-log.h"
#include "vms/quarantine-reach.h"

/* Fires at once, or at the scheduler's next event */
typedef struct DispatchSource {
    GSource source;
    Dispatch *dispatch;
} DispatchSource;

struct Dispatch {
    Scheduler *scheduler;
    Executor *executors[POOLS];
    Config *config;
    DispatchSource *source;
    Stats stats;
    RequestLog *log;
    Quarantines *quarantines;
    Domains *domains;
    GQueue jobs;                /* Job, in the order of their coming */
    GQueue kept;                /* KeptVm */
    DeviceTime times[POOLS];
    uint64_t contexts;          /* there have been so far */
};

/* What is kept of a VM, as its scheduler_vm_data() */
typedef struct VmRecord {
    VmStats stats;
    unsigned devices;           /* that are there … */
    unsigned connections;       /* … and those that are connected */
} VmRecord;

/* A request that has been admitted */
typedef struct Job {
    Task task;
    Execution execution;
    Dispatch *dispatch;
    GList in_jobs;
    Request *request;
    gint64 arrived;             /* monotonic, µs */
    gint64 started;             /* the same, while it runs … */
    gint64 begin;               /* … and in device time, unless it is local */
    bool stopped;
    bool overdue;               /* that is why it was stopped */
    bool drained;               /* or that is */
} Job;

static Job *job_of_task(Task *task)
{
    return (Job *)((char *)task - offsetof(Job, task));
}

static Job *job_of_execution(Execution *execution)
{
    return (Job *)((char *)execution - offsetof(Job, execution));
}

/* Its request is completed. */
static void job_free(Job *job)
{
    g_queue_unlink(&job->dispatch->jobs, &job->in_jobs);
    g_free(job);
}

static void dispatch_wake(Dispatch *dispatch)
{
    g_source_set_ready_time(&dispatch->source->source, 0);
}

/* --- The ends of a request --- */

/*
 * Count and log @request, which ends after so many µs; what else is known of it
 * is in @task.
 */
static void record_end(Dispatch *dispatch, const Task *task,
                       const Request *request, uint32_t status, gint64 wait,
                       gint64 execution)
{
    VmRecord *record = scheduler_vm_data(task->vm);
    const RequestEnd end = {
        .vm = scheduler_vm_name(task->vm),
        .pool = task->pool,
        .priority = task->priority,
        .sequence = request_header(request)->sequence,
        .status = status,
        .wait = wait,
        .execution = execution,
    };

    stats_count_end(stats_class(&dispatch->stats, task->pool, task->priority),
                    &record->stats, status);
    request_log_end(dispatch->log, &end);
}

/* The same for the request of @job, which was not started. */
static void record_unstarted(const Job *job, uint32_t status)
{
    record_end(job->dispatch, &job->task, job->request, status,
               g_get_monotonic_time() - job->arrived, 0);
}

static void complete(Request *request, const Reply *reply)
{
    uint8_t response[VGPU_STUB_BUF_SIZE];

    request_complete(request, reply->status, response,
                     reply_encode(reply, 0, response));
}

/* Complete a request that is not executed, or not to its end. */
static void refuse(Request *request, uint32_t status)
{
    const char *why = NULL;
    Reply reply;

    switch (status) {
    case VGPU_STUB_ERR_TIMEOUT:
        why = "the request's time is up";
        break;
    case VGPU_STUB_ERR_BACKEND_ERROR:
        why = "the accelerator could not be opened";
        break;
    case VGPU_STUB_ERR_INVALID_POOL:
        why = "nothing serves the pool";
        break;
    case VGPU_STUB_ERR_QUEUE_FULL:
        why = "too many requests of this VM wait";
        break;
    case VGPU_STUB_ERR_RATE_LIMITED:
        why = "too many requests of this VM in too short a time";
        break;
    case VGPU_STUB_ERR_VM_QUARANTINED:
        why = "this VM is quarantined";
        break;
    default:
        g_assert_not_reached();
    }
    reply_error(&reply, status, why);
    complete(request, &reply);
}

/* The job's task is idle again, its end is recorded. */
static void job_refuse(Job *job, uint32_t status)
{
    refuse(job->request, status);
    job_free(job);
}

/* The same, when the daemon or its asker does not wait for it. */
static void job_cancel(Job *job, const char *why)
{
    Reply reply;

    reply_error(&reply, VGPU_STUB_ERR_CANCELLED, why);
    complete(job->request, &reply);
    job_free(job);
}

static DeviceTime *job_time(const Job *job)
{
    return &job->dispatch->times[job->task.pool - VGPU_STUB_POOL_A];
}

static Executor *job_executor(const Job *job)
{
    return job->dispatch->executors[job->task.pool - VGPU_STUB_POOL_A];
}

/* It needs no accelerator. */
static void job_execute(Job *job)
{
    Reply reply;

    operations_execute(&job->execution.call, &reply);
    execution_reply(&job->execution, &reply,
                    g_get_monotonic_time() - job->started,
                    (ExecutionEnd) { 0 });
}

static void job_start(Job *job)
{
    job->started = g_get_monotonic_time();
    if (job->task.local) {
        job_execute(job);
        return;
    }
    job->begin = device_time_begin(job_time(job), job->started);
    job_executor(job)->start(job_executor(job), &job->execution);
}

static void job_stop(Job *job)
{
    if (!job->stopped) {
        job->stopped = true;
        job_executor(job)->stop(job_executor(job), &job->execution);
    }
}

/* Its requests have brought it about, so nobody is there to be told. */
static void quarantine_keep(Dispatch *dispatch, Vm *vm)
{
    g_autoptr(GError) error = NULL;

    if (!quarantines_set(dispatch->quarantines, scheduler_vm_name(vm),
                         scheduler_vm_report(vm).quarantined_until, &error)) {
        g_warning("%s", error->message);
    }
}

/* The job's task has ended; it is idle again. */
static void job_finish(Job *job, gint64 device_us, bool fault, gint64 now)
{
    Dispatch *dispatch = job->dispatch;
    /* What needs no device is no device time, but has its turn all the same. */
    const gint64 used = job->task.local ? now - job->started : device_us;
    /* It could go with its last task. */
    Vm *vm = fault ? scheduler_vm_ref(dispatch->scheduler, job->execution.vm)
                   : NULL;

    ClassStats *stats = stats_class(&dispatch->stats, job->task.pool,
                                    job->task.priority);

    histogram_add(&stats->wait, job->started - job->arrived);
    histogram_add(&stats->execution, device_us);
    if (scheduler_finish(dispatch->scheduler, &job->task, used, fault, now)) {
        dispatch->stats.quarantines++;
        g_warning("vm %s: quarantined, its requests failed too often",
                  scheduler_vm_name(vm));
        quarantine_keep(dispatch, vm);
    }
    if (vm != NULL) {
        scheduler_vm_unref(dispatch->scheduler, vm);
    }
}

/*
 * Whether its VM is to blame for how @job ended: it broke what it ran on, or
 * it ran on until it had to be stopped, whoever wanted that and why. A request
 * that is late because it had to wait is not to blame.
 */
static bool job_to_blame(const Job *job, const ExecutionEnd *end, gint64 now)
{
    const gint64 ran = now - job->started;

    if (job->drained) {
        return false;
    }
    if (end->broke) {
        return true;
    }
    return job->overdue ? ran > (now - job->arrived) / 2
                        : end->killed &&
                          ran >= EXECUTION_GRACE_MS * G_TIME_SPAN_MILLISECOND;
}

static void job_done(Execution *execution, const ExecutionEnd *end)
{
    Job *job = job_of_execution(execution);
    const gint64 now = g_get_monotonic_time();
    const gint64 device_us =
        job->task.local ? 0 : device_time_end(job_time(job), job->begin, now);
    const uint32_t status = job->overdue ? VGPU_STUB_ERR_TIMEOUT :
                            job->stopped ? VGPU_STUB_ERR_CANCELLED :
                            end->status;

    record_end(job->dispatch, &job->task, job->request, status,
               job->started - job->arrived, device_us);
    job_finish(job, device_us, job_to_blame(job, end, now), now);
    dispatch_wake(job->dispatch);
    if (job->overdue) {
        job_refuse(job, VGPU_STUB_ERR_TIMEOUT);
        return;
    }
    if (job->drained && (end->broke || end->killed)) {
        job_cancel(job, "the mediator ends; it was stopped while it ran");
        return;
    }
    request_complete(job->request, end->status, end->response,
                     end->length);
    job_free(job);
}

static void job_abandoned(gpointer opaque)
{
    Job *job = opaque;

    if (job->task.state == TASK_RUNNING) {
        job_stop(job);
        return;
    }
    record_unstarted(job, VGPU_STUB_ERR_CANCELLED);
    scheduler_withdraw(job->dispatch->scheduler, &job->task);
    dispatch_wake(job->dispatch);
    request_complete(job->request, VGPU_STUB_ERR_CANCELLED, NULL, 0);
    job_free(job);
}

/* --- The daemon's end --- */

unsigned dispatch_drain_ms(const Dispatch *dispatch)
{
    return config_workers(dispatch->config)->drain_ms;
}

bool dispatch_pending(const Dispatch *dispatch, gint64 when)
{
    const GList *first = dispatch->jobs.head;

    return first != NULL && ((const Job *)first->data)->arrived < when;
}

static void job_end(Job *job)
{
    if (job->task.state == TASK_RUNNING) {
        job->drained = true;
        job_stop(job);
    } else if (job->task.state == TASK_WAITING) {
        record_unstarted(job, VGPU_STUB_ERR_CANCELLED);
        scheduler_withdraw(job->dispatch->scheduler, &job->task);
        job_cancel(job, "the mediator ends; it has not run");
    }
}

void dispatch_end_all(Dispatch *dispatch, gint64 when)
{
    GList *link = dispatch->jobs.head;

    while (link != NULL) {
        Job *job = link->data;

        link = link->next;
        if (job->arrived < when) {
            job_end(job);
        }
    }
    dispatch_wake(dispatch);
}

/* --- The main loop's part --- */

static void dispatch_end_overdue(Dispatch *dispatch, gint64 now)
{
    uint32_t status;
    Task *task;

    while ((task = scheduler_next_ended(dispatch->scheduler, now,
                                        &status)) != NULL) {
        Job *job = job_of_task(task);

        if (task->state == TASK_RUNNING) {
            job->overdue = true;
            job_stop(job);
        } else {
            record_unstarted(job, status);
            job_refuse(job, status);
        }
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
    Scheduler *scheduler = dispatch->scheduler;
    bool started = dispatch_start_task(scheduler_start_local(scheduler));

    for (uint8_t pool = VGPU_STUB_POOL_A; pool <= VGPU_STUB_POOL_B; pool++) {
        started |= dispatch_start_task(scheduler_start(scheduler, pool));
    }
    return started;
}

/* Tell the executor who wishes for a place. */
static void dispatch_wish(Dispatch *dispatch)
{
    Wish wish;

    while (scheduler_next_wish(dispatch->scheduler, &wish)) {
        Executor *executor = dispatch->executors[wish.pool - VGPU_STUB_POOL_A];

        executor->wish(executor, scheduler_vm_name(wish.vm), wish.place);
    }
}

static gboolean dispatch_ready(GSource *source,
                               GSourceFunc callback G_GNUC_UNUSED,
                               gpointer opaque G_GNUC_UNUSED)
{
    Dispatch *dispatch = ((DispatchSource *)source)->dispatch;
    const gint64 now = g_get_monotonic_time();
    gint64 next;

    dispatch_end_overdue(dispatch, now);
    while (dispatch_start(dispatch) &&
           g_get_monotonic_time() - now < DISPATCH_SLICE_US) {
    }
    next = g_get_monotonic_time() - now < DISPATCH_SLICE_US
           ? scheduler_next_event(dispatch->scheduler) : 0;
    g_source_set_ready_time(source, next == G_MAXINT64 ? -1 : MAX(next, 0));
    /* That may wake it again. */
    dispatch_wish(dispatch);
    return G_SOURCE_CONTINUE;
}

static void dispatch_limit(Vm *vm, gpointer opaque)
{
    const Dispatch *dispatch = opaque;

    scheduler_vm_set_limits(vm, config_limits(dispatch->config,
                                              scheduler_vm_name(vm)));
}

void dispatch_configure(Dispatch *dispatch, Config *config)
{
    g_clear_pointer(&dispatch->config, config_free);
    dispatch->config = config;
    request_log_set_all(dispatch->log, config_log_requests(config));
    scheduler_set_shares(dispatch->scheduler, config_shares(config));
    for (PoolId pool = 0; pool < POOLS; pool++) {
        dispatch->executors[pool]->configure(dispatch->executors[pool],
                                             config);
    }
    scheduler_vm_foreach(dispatch->scheduler, dispatch_limit, dispatch);
    /* A limit that has risen may let something run. */
    dispatch_wake(dispatch);
}

bool dispatch_set_limit(Dispatch *dispatch, const char *vm, const char *name,
                        const char *value, GError **error)
{
    g_autofree char *warning = NULL;

    if (!config_set_limit(dispatch->config, vm, name, value, error)) {
        return false;
    }
    warning = quarantine_unreachable(config_limits(dispatch->config, vm));
    if (warning != NULL) {
        g_warning("vm %s: %s", vm, warning);
    }
    scheduler_vm_foreach(dispatch->scheduler, dispatch_limit, dispatch);
    dispatch_wake(dispatch);
    return true;
}

bool dispatch_quarantine(Dispatch *dispatch, const char *vm, gint64 until,
                         GError **error)
{
    scheduler_vm_quarantine(scheduler_vm_find(dispatch->scheduler, vm), until);
    dispatch_wake(dispatch);
    return quarantines_set(dispatch->quarantines, vm, until, error);
}

bool dispatch_release(Dispatch *dispatch, const char *name, GError **error)
{
    Vm *vm = scheduler_vm_find(dispatch->scheduler, name);

    if (vm != NULL) {
        scheduler_vm_release(vm);
    }
    return quarantines_until(dispatch->quarantines, name) == G_MININT64 ||
           quarantines_set(dispatch->quarantines, name, G_MININT64, error);
}

const Quarantines *dispatch_quarantines(const Dispatch *dispatch)
{
    return dispatch->quarantines;
}

void dispatch_keep_quarantines(Dispatch *dispatch, const char *path)
{
    g_clear_pointer(&dispatch->quarantines, quarantines_free);
    dispatch->quarantines = quarantines_new(path);
}

Scheduler *dispatch_scheduler(Dispatch *dispatch)
{
    return dispatch->scheduler;
}

static void add_to_report(Vm *vm, gpointer opaque)
{
    const VmReport report = scheduler_vm_report(vm);
    DispatchReport *total = opaque;

    total->vms++;
    total->quarantined += scheduler_vm_quarantined(vm,
                                                   g_get_monotonic_time());
    total->waiting += report.waiting;
    total->running += report.running;
}

DispatchReport dispatch_report(const Dispatch *dispatch)
{
    DispatchReport report = { 0 };

    dispatch_vm_foreach(dispatch, add_to_report, &report);
    return report;
}

const Stats *dispatch_stats(const Dispatch *dispatch)
{
    return &dispatch->stats;
}

const VmStats *dispatch_vm_stats(const Vm *vm)
{
    const VmRecord *record = scheduler_vm_data(vm);

    return &record->stats;
}

char *dispatch_vm_domids(const Dispatch *dispatch, const Vm *vm)
{
    return domains_of_vm(dispatch->domains, vm);
}

Vm *dispatch_vm_of_domain(const Dispatch *dispatch, guint32 domid)
{
    return domains_find(dispatch->domains, domid);
}

/* What dispatch_vm_foreach() calls */
typedef struct Visit {
    void (*function)(Vm *vm, gpointer opaque);
    gpointer opaque;
} Visit;

static void visit_vm(Vm *vm, gpointer opaque)
{
    const VmRecord *record = scheduler_vm_data(vm);
    const Visit *visit = opaque;

    if (record->devices > 0) {
        visit->function(vm, visit->opaque);
    }
}

void dispatch_vm_foreach(const Dispatch *dispatch,
                         void (*function)(Vm *vm, gpointer opaque),
                         gpointer opaque)
{
    Visit visit = { .function = function, .opaque = opaque };

    scheduler_vm_foreach(dispatch->scheduler, visit_vm, &visit);
}

static void dispatch_slots_changed(Executor *executor)
{
    Dispatch *dispatch = executor->opaque;

    scheduler_set_slots(dispatch->scheduler, pool_letter(executor->pool),
                        executor->slots);
    dispatch_wake(dispatch);
}

static void dispatch_place_changed(Executor *executor, const char *name,
                                   bool place)
{
    Dispatch *dispatch = executor->opaque;
    Vm *vm = scheduler_vm_find(dispatch->scheduler, name);

    if (vm != NULL) {
        scheduler_vm_set_place(vm, pool_letter(executor->pool), place);
        dispatch_wake(dispatch);
    }
}

static void dispatch_place_refused(Executor *executor, const char *name,
                                   uint32_t status)
{
    Dispatch *dispatch = executor->opaque;
    Vm *vm = scheduler_vm_find(dispatch->scheduler, name);

    if (vm != NULL) {
        scheduler_vm_refuse(vm, pool_letter(executor->pool), status);
        dispatch_wake(dispatch);
    }
}

Dispatch *dispatch_new(Executor *const *executors, Config *config)
{
    static GSourceFuncs functions = { .dispatch = dispatch_ready };
    Dispatch *dispatch = g_new0(Dispatch, 1);

    dispatch->scheduler = scheduler_new();
    dispatch->log = request_log_new();
    dispatch->quarantines = quarantines_new(NULL);
    dispatch->domains = domains_new();
    for (PoolId pool = 0; pool < POOLS; pool++) {
        dispatch->executors[pool] = executors[pool];
        executors[pool]->slots_changed = dispatch_slots_changed;
        executors[pool]->place_changed = dispatch_place_changed;
        executors[pool]->place_refused = dispatch_place_refused;
        executors[pool]->opaque = dispatch;
        scheduler_set_vm_slots(dispatch->scheduler, pool_letter(pool),
                               executors[pool]->vm_slots);
    }
    /* As urgent as the sockets, which might never be idle */
    dispatch->source = (DispatchSource *)g_source_new(
        &functions, sizeof(*dispatch->source));
    dispatch->source->dispatch = dispatch;
    g_source_attach(&dispatch->source->source, NULL);
    dispatch_configure(dispatch, config);
    return dispatch;
}

Vm *dispatch_vm_ref(Dispatch *dispatch, const Identity *identity)
{
    Vm *vm = scheduler_vm_ref(dispatch->scheduler, identity->vm);
    VmRecord *record = scheduler_vm_data(vm);

    if (record == NULL) {
        record = g_new0(VmRecord, 1);
        scheduler_vm_set_data(vm, record);
        scheduler_vm_quarantine(vm, quarantines_until(dispatch->quarantines,
                                                      identity->vm));
    }
    record->devices++;
    if (identity->has_domid) {
        domains_add(dispatch->domains, vm, identity->domid);
    }
    dispatch_limit(vm, dispatch);
    return vm;
}

/* Whether @name is a VM's only until its domain ends */
static bool is_passing(const char *name)
{
    guint32 domid;

    return identity_parse_domid(name, &domid);
}

/* A VM that has ended, whose faults count on if it is back in time */
typedef struct KeptVm {
    Dispatch *dispatch;
    Vm *vm;
    guint timer;
} KeptVm;

static gboolean kept_vm_free(gpointer opaque)
{
    KeptVm *kept = opaque;

    g_queue_remove(&kept->dispatch->kept, kept);
    scheduler_vm_unref(kept->dispatch->scheduler, kept->vm);
    g_free(kept);
    return G_SOURCE_REMOVE;
}

/* A reboot, which takes no time, is no way out of what @vm's requests did. */
static void dispatch_keep_vm(Dispatch *dispatch, Vm *vm)
{
    KeptVm *kept = g_new(KeptVm, 1);

    *kept = (KeptVm) {
        .dispatch = dispatch,
        .vm = scheduler_vm_ref(dispatch->scheduler, scheduler_vm_name(vm)),
        .timer = g_timeout_add_seconds(scheduler_vm_limits(vm)->fault_window_s,
                                       kept_vm_free, kept),
    };
    g_queue_push_tail(&dispatch->kept, kept);
}

static void dispatch_forget_kept(Dispatch *dispatch)
{
    while (dispatch->kept.length > 0) {
        KeptVm *kept = g_queue_peek_head(&dispatch->kept);

        g_source_remove(kept->timer);
        kept_vm_free(kept);
    }
}

void dispatch_vm_unref(Dispatch *dispatch, Vm *vm, const Identity *identity)
{
    VmRecord *record = scheduler_vm_data(vm);

    record->devices--;
    if (identity->has_domid) {
        domains_remove(dispatch->domains, vm, identity->domid);
    }
    if (record->devices == 0 && scheduler_vm_report(vm).faults > 0 &&
        !is_passing(identity->vm)) {
        dispatch_keep_vm(dispatch, vm);
    }
    scheduler_vm_unref(dispatch->scheduler, vm);
}

void dispatch_free(Dispatch *dispatch)
{
    g_source_destroy(&dispatch->source->source);
    g_source_unref(&dispatch->source->source);
    dispatch_forget_kept(dispatch);
    scheduler_free(dispatch->scheduler);
    request_log_free(dispatch->log);
    quarantines_free(dispatch->quarantines);
    domains_free(dispatch->domains);
    config_free(dispatch->config);
    g_free(dispatch);
}

void dispatch_vm_lost(Dispatch *dispatch, Vm *vm, const Identity *identity)
{
    const VmRecord *record = scheduler_vm_data(vm);
    g_autoptr(GError) error = NULL;

    if (record->devices == 1 && is_passing(identity->vm)) {
        dispatch_release(dispatch, identity->vm, &error);
        if (error != NULL) {
            g_warning("%s", error->message);
        }
        config_forget_limits(dispatch->config, identity->vm);
    }
    dispatch_vm_unref(dispatch, vm, identity);
}

static bool has_ended(const char *name, gpointer opaque)
{
    const Dispatch *dispatch = opaque;

    return is_passing(name) &&
           scheduler_vm_find(dispatch->scheduler, name) == NULL;
}

void dispatch_forget_ended(Dispatch *dispatch)
{
    quarantines_forget(dispatch->quarantines, has_ended, dispatch);
}

void dispatch_vm_connected(Dispatch *dispatch G_GNUC_UNUSED, Vm *vm)
{
    VmRecord *record = scheduler_vm_data(vm);

    record->connections++;
}

void dispatch_vm_disconnected(Dispatch *dispatch, Vm *vm)
{
    VmRecord *record = scheduler_vm_data(vm);

    if (--record->connections == 0) {
        for (PoolId pool = 0; pool < POOLS; pool++) {
            Executor *executor = dispatch->executors[pool];

            executor->vm_gone(executor, scheduler_vm_name(vm));
        }
    }
}

uint64_t dispatch_context_new(Dispatch *dispatch)
{
    return ++dispatch->contexts;
}

void dispatch_context_end(Dispatch *dispatch, Vm *vm, uint64_t context)
{
    for (PoolId pool = 0; pool < POOLS; pool++) {
        Executor *executor = dispatch->executors[pool];

        executor->release(executor, scheduler_vm_name(vm), context);
    }
}

void dispatch_request(Dispatch *dispatch, Vm *vm, uint64_t context,
                      uint8_t pool, uint8_t priority, Request *request)
{
    const size_t length = request_header(request)->length;
    const VmLimits *limits = scheduler_vm_limits(vm);
    Task task = {
        .vm = vm,
        .pool = limits->pool == 0 ? pool : VGPU_STUB_POOL_A + limits->pool - 1,
        .priority = MIN(priority, limits->priority),
    };
    uint32_t status;
    Call call;
    Reply reply;
    Job *job;

    /* First, so that nothing too large ever waits */
    if (!call_decode(&call, request_payload(request), length, &reply)) {
        record_end(dispatch, &task, request, reply.status, 0, 0);
        complete(request, &reply);
        return;
    }
    task.boost = call.flags & VGPU_STUB_REQUEST_BOOST;
    task.local = !operations_need_accelerator(call.opcode);
    job = g_new0(Job, 1);
    job->dispatch = dispatch;
    job->request = request;
    job->arrived = g_get_monotonic_time();
    job->task = task;
    job->execution = (Execution) {
        .vm = scheduler_vm_name(vm),
        .context = context,
        .request = request_payload(request),
        .length = length,
        .call = call,
        .done = job_done,
    };
    job->in_jobs.data = job;
    g_queue_push_tail_link(&dispatch->jobs, &job->in_jobs);
    status = scheduler_submit(dispatch->scheduler, &job->task, job->arrived);
    if (status != VGPU_STUB_ERR_NONE) {
        record_unstarted(job, status);
        job_refuse(job, status);
        return;
    }
    request_on_abandon(request, job_abandoned, job);
    dispatch_wake(dispatch);
}
