/*
 * A guest's request, from its admission to its end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "job.h"

#include "protocol/operations.h"

struct Job {
    Task task;
    Execution execution;
    Call call;                  /* a mailbox's: what its request says */
    Jobs *jobs;
    GList in_jobs;
    Request *request;
    JobGroup *group;            /* NULL: a mailbox's */
    GList in_group;
    gint64 arrived;             /* monotonic, µs */
    gint64 started;             /* the same, while it runs */
    bool stopped;
    bool overdue;               /* that is why it was stopped */
    bool drained;               /* or that is */
};

Job *job_of_task(Task *task)
{
    return (Job *)((char *)task - offsetof(Job, task));
}

static Job *job_of_execution(Execution *execution)
{
    return (Job *)((char *)execution - offsetof(Job, execution));
}

static Executor *job_executor(const Job *job)
{
    return job->jobs->executors[job->task.pool];
}

/* Its request is completed. */
static void job_free(Job *job)
{
    JobGroup *group = job->group;

    g_queue_unlink(&job->jobs->all, &job->in_jobs);
    if (group != NULL) {
        g_queue_unlink(&group->jobs, &job->in_group);
    }
    g_free(job);
    if (group != NULL && group->verdict != VGPU_STUB_ERR_NONE &&
        g_queue_is_empty(&group->jobs)) {
        group->empty(group);
    }
}

/* --- Ends without an execution, or without its result --- */

static void job_record_unstarted(const Job *job, uint32_t status)
{
    accounts_end(job->jobs->accounts, &job->task, job->request, status, false,
                 g_get_monotonic_time() - job->arrived, 0);
}

static const char *why_refused(uint32_t status)
{
    switch (status) {
    case VGPU_STUB_ERR_TIMEOUT:
        return "the request's time is up";
    case VGPU_STUB_ERR_BACKEND_ERROR:
        return "the accelerator could not be opened";
    case VGPU_STUB_ERR_INVALID_POOL:
        return "nothing serves the pool";
    case VGPU_STUB_ERR_QUEUE_FULL:
        return "too many requests of this VM wait";
    case VGPU_STUB_ERR_RATE_LIMITED:
        return "too many requests of this VM in too short a time";
    case VGPU_STUB_ERR_VM_QUARANTINED:
        return "this VM is quarantined";
    case VGPU_STUB_ERR_CONTEXT_LOST:
        return "the context has lost what it had";
    case VGPU_STUB_ERR_CANCELLED:
        return "it was cancelled before it ran";
    default:
        g_assert_not_reached();
    }
}

/* The job's task is idle again, its end is recorded. */
static void job_answer(Job *job, uint32_t status, const char *why)
{
    Reply reply;

    reply_init(&reply, request_capacity(job->request));
    reply_error(&reply, status, why);
    request_reply(job->request, &reply);
    job_free(job);
}

static void job_refuse(Job *job, uint32_t status)
{
    job_answer(job, status, why_refused(status));
}

/* Its task is idle, and does not run. */
static void job_end_unstarted(Job *job, uint32_t status)
{
    job_record_unstarted(job, status);
    job_refuse(job, status);
}

/* --- The execution --- */

/* What is in the arena may change, also what was seen of it before. */
static void job_execute_queued(const Job *job, Reply *reply)
{
    const WireQrequest *queued = request_queued(job->request);
    uint8_t bytes[VGPU_STUB_QUEUE_REQUEST_MAX];
    const size_t size = request_copy(job->request, bytes, sizeof(bytes));
    Call call;

    if (call_decode(&call, bytes, size, reply) &&
        !operations_execute(&call, queued->flags, reply)) {
        reply_error(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                    "opcode: it has changed meanwhile");
    }
}

/* It needs no accelerator. */
static void job_execute(Job *job)
{
    Reply reply;

    reply_init(&reply, request_capacity(job->request));
    if (job->group != NULL) {
        job_execute_queued(job, &reply);
    } else {
        operations_execute(&job->call, 0, &reply);
    }
    execution_reply(&job->execution, &reply,
                    g_get_monotonic_time() - job->started,
                    (ExecutionEnd) { 0 });
}

void job_start(Job *job)
{
    job->started = g_get_monotonic_time();
    if (job->task.local) {
        job_execute(job);
        return;
    }
    job_executor(job)->start(job_executor(job), &job->execution);
}

/* What was before it at its worker has ended. */
static void job_begun(Execution *execution)
{
    Job *job = job_of_execution(execution);

    job->started = g_get_monotonic_time();
    scheduler_begun(job->jobs->scheduler, &job->task, job->started);
    job->jobs->wake(job->jobs);
}

/* Others may be executed meanwhile. */
static void job_travels(Execution *execution, bool travels)
{
    Job *job = job_of_execution(execution);

    scheduler_travels(job->jobs->scheduler, &job->task, travels,
                      g_get_monotonic_time());
    job->jobs->wake(job->jobs);
}

static void job_stop(Job *job)
{
    if (!job->stopped) {
        job->stopped = true;
        job_executor(job)->stop(job_executor(job), &job->execution);
    }
}

/* The job's task has ended with @status; it is idle again. */
static void job_finish(Job *job, uint32_t status, bool fault, gint64 now)
{
    Jobs *jobs = job->jobs;
    /* It could go with its last task. */
    Vm *vm = vm_ref(job->task.vm);
    const gint64 device_us = scheduler_finish(jobs->scheduler, &job->task,
                                              now);

    accounts_end(jobs->accounts, &job->task, job->request, status, true,
                 job->started - job->arrived, device_us);
    if (fault && vm_fault(vm, now)) {
        g_warning("vm %s: quarantined, its requests failed too often",
                  vm_name(vm));
        accounts_quarantined(jobs->accounts);
    }
    vm_unref(vm);
}

/*
 * Whether its VM is to blame for how @job ended: it broke what it ran on, or
 * it ran on until it had to be stopped, whoever wanted that and why. A request
 * that is late because it had to wait, or its bytes had, is not to blame.
 */
static bool job_to_blame(const Job *job, const ExecutionEnd *end, gint64 now)
{
    const gint64 ran = now - job->started;

    if (job->drained) {
        return false;
    }
    if (end->broke) {
        return !end->innocent;
    }
    if (job->overdue) {
        return !job->task.travels &&
               (job->task.patient || ran > (now - job->arrived) / 2);
    }
    /* A program that ends takes what it has with it, as anywhere else. */
    return end->killed && !job->task.patient &&
           ran >= EXECUTION_GRACE_MS * G_TIME_SPAN_MILLISECOND;
}

/*
 * Complete a queue's request that was at its worker. What that did not answer
 * itself it may still write into the place, as long as it is not gone: it is
 * said to have no response.
 */
static void job_complete_queued(Job *job, uint32_t status,
                                const ExecutionEnd *end)
{
    const WireQrequest *queued = request_queued(job->request);
    const bool answered = end->response == NULL && status == end->status;

    if (end->broke && status == end->status) {
        request_complete(job->request, status, end->response,
                         MIN(end->length, queued->response_capacity));
    } else {
        request_complete_in_place(
            job->request, status,
            answered ? MIN(end->length, queued->response_capacity) : 0,
            answered ? MIN(end->bulk_moved, queued->bulk_length) : 0);
    }
    job_free(job);
}

static void job_complete(Job *job, const ExecutionEnd *end)
{
    const bool cut_off = job->drained && (end->broke || end->killed);

    if (job->group != NULL && !job->task.local) {
        job_complete_queued(job, job->overdue ? VGPU_STUB_ERR_TIMEOUT :
                                 cut_off ? VGPU_STUB_ERR_CANCELLED :
                                 end->status, end);
    } else if (job->overdue) {
        job_refuse(job, VGPU_STUB_ERR_TIMEOUT);
    } else if (cut_off) {
        job_answer(job, VGPU_STUB_ERR_CANCELLED,
                   "the mediator ends; it was stopped while it ran");
    } else {
        request_complete(job->request, end->status, end->response,
                         end->length);
        job_free(job);
    }
}

static void job_done(Execution *execution, const ExecutionEnd *end)
{
    Job *job = job_of_execution(execution);
    const gint64 now = g_get_monotonic_time();
    const uint32_t status = job->overdue ? VGPU_STUB_ERR_TIMEOUT :
                            job->stopped ? VGPU_STUB_ERR_CANCELLED :
                            end->status;

    job->task.device_us = end->device_us;
    job_finish(job, status, job_to_blame(job, end, now), now);
    job->jobs->wake(job->jobs);
    job_complete(job, end);
}

/* --- What others want of it --- */

static void job_withdraw(Job *job, uint32_t status)
{
    job_record_unstarted(job, status);
    scheduler_withdraw(job->jobs->scheduler, &job->task);
    job->jobs->wake(job->jobs);
}

/*
 * A queue's that is at its worker goes on: others of its context may be there,
 * too, which would be lost with it.
 */
static void job_abandoned(gpointer opaque)
{
    Job *job = opaque;

    if (job->task.state != TASK_RUNNING) {
        job_withdraw(job, VGPU_STUB_ERR_CANCELLED);
        job_refuse(job, VGPU_STUB_ERR_CANCELLED);
    } else if (job->group == NULL) {
        job_stop(job);
    }
}

void job_end_early(Job *job, uint32_t status)
{
    if (job->task.state == TASK_RUNNING) {
        job->overdue = true;
        job_stop(job);
    } else {
        job_end_unstarted(job, status);
    }
}

static void job_drain(Job *job)
{
    if (job->task.state == TASK_RUNNING) {
        job->drained = true;
        job_stop(job);
    } else if (job->task.state == TASK_WAITING) {
        job_withdraw(job, VGPU_STUB_ERR_CANCELLED);
        job_answer(job, VGPU_STUB_ERR_CANCELLED,
                   "the mediator ends; it has not run");
    }
}

/* --- All of them --- */

bool jobs_pending(const Jobs *jobs, gint64 when)
{
    const GList *first = jobs->all.head;

    return first != NULL && ((const Job *)first->data)->arrived < when;
}

void jobs_drain(Jobs *jobs, gint64 when)
{
    GList *link = jobs->all.head;

    while (link != NULL) {
        Job *job = link->data;

        link = link->next;
        if (job->arrived < when) {
            job_drain(job);
        }
    }
}

static Job *job_new(Jobs *jobs, const Task *task, Request *request)
{
    Job *job = g_new0(Job, 1);

    job->jobs = jobs;
    job->request = request;
    job->arrived = g_get_monotonic_time();
    job->task = *task;
    job->execution = (Execution) {
        .vm = vm_name(task->vm),
        .context = task->context,
        .request_id = request_header(request)->request_id,
        .done = job_done,
    };
    job->in_jobs.data = job;
    g_queue_push_tail_link(&jobs->all, &job->in_jobs);
    return job;
}

static void job_submit(Job *job)
{
    const uint32_t status = scheduler_submit(job->jobs->scheduler,
                                             &job->task, job->arrived);

    if (status != VGPU_STUB_ERR_NONE) {
        job_end_unstarted(job, status);
        return;
    }
    request_on_abandon(job->request, job_abandoned, job);
    job->jobs->wake(job->jobs);
}

void jobs_add(Jobs *jobs, const Task *task, const Call *call,
              Request *request)
{
    Job *job = job_new(jobs, task, request);

    job->execution.request = request_payload(request);
    job->execution.length = request_header(request)->length;
    job->call = *call;
    job_submit(job);
}

/* --- Those of a queue --- */

void job_group_end(JobGroup *group, uint32_t verdict)
{
    GList *link = group->jobs.head;

    while (link != NULL) {
        Job *job = link->data;

        link = link->next;
        if (job->task.state != TASK_RUNNING) {
            job_withdraw(job, verdict);
            job_refuse(job, verdict);
        }
    }
    /* Not before, or the end of its last one would be told in here. */
    group->verdict = verdict;
}

/* What it seems to be, as far as that decides who executes it */
static uint32_t peek_opcode(const Request *request)
{
    struct vgpu_stub_request header;

    /* What is no request is refused here, as what needs no accelerator. */
    return request_copy(request, (uint8_t *)&header, sizeof(header)) ==
           sizeof(header) ? GUINT32_FROM_LE(header.opcode)
                          : VGPU_STUB_OP_NOP;
}

void jobs_add_queued(Jobs *jobs, const Task *task, JobGroup *group,
                     Request *request)
{
    const uint32_t opcode = peek_opcode(request);
    Job *job = job_new(jobs, task, request);

    job->group = group;
    job->in_group.data = job;
    job->execution.queued = request_queued(request);
    job->execution.begun = job_begun;
    job->execution.travels = job_travels;
    job->task.local = !operations_need_accelerator(opcode);
    job->task.kind = task_kind(opcode, job->execution.queued->bulk_length > 0);
    g_queue_push_tail_link(&group->jobs, &job->in_group);
    if (group->verdict != VGPU_STUB_ERR_NONE) {
        job_end_unstarted(job, group->verdict);
    } else {
        job_submit(job);
    }
}
