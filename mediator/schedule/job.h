/*
 * A guest's request, from its admission to its end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_JOB_H
#define MEDIATOR_JOB_H

#include "accounts.h"
#include "executor.h"

/* What all jobs have in common; dispatch embeds it. */
typedef struct Jobs Jobs;
struct Jobs {
    Scheduler *scheduler;
    Executor *executors[POOLS];
    Accounts *accounts;
    GQueue all;                 /* Job, in the order of their coming */
    /* The scheduler may have something to say. */
    void (*wake)(Jobs *jobs);
};

typedef struct Job Job;

/*
 * Takes over @request, which is @call. @task is what the scheduler is to know
 * of it. Completes it, at once or later.
 */
void jobs_add(Jobs *jobs, const Task *task, const Call *call,
              Request *request);

/*
 * What the jobs of a queue's context have in common; its owner embeds it, zero at
 * first but for `empty`.
 */
typedef struct JobGroup JobGroup;
struct JobGroup {
    GQueue jobs;                /* Job, in the order of their coming */
    uint32_t verdict;           /* VGPU_STUB_ERR_…, once it has ended */
    /* The last of them has ended, after the group has. It may be freed. */
    void (*empty)(JobGroup *group);
};

/*
 * Its jobs that have not been started end with @verdict, a VGPU_STUB_ERR_…, and
 * so does what comes from now on. Those that are executed are the executor's to
 * end.
 */
void job_group_end(JobGroup *group, uint32_t verdict);

/*
 * As jobs_add(), for a queue's request, which belongs to @group. What @task does
 * not say, @request does.
 */
void jobs_add_queued(Jobs *jobs, const Task *task, JobGroup *group,
                     Request *request);

/* Whether one has not ended that came before @when, monotonic, µs */
bool jobs_pending(const Jobs *jobs, gint64 when);

Job *job_of_task(Task *task);

/* The scheduler has started its task. */
void job_start(Job *job);

/*
 * The scheduler has ended its task before its time with @status, as
 * scheduler_next_ended() says.
 */
void job_end_early(Job *job, uint32_t status);

/*
 * The daemon is about to end: of the requests that came before @when those that
 * wait end as CANCELLED, and so do those that run, unless they end by
 * themselves as soon as they are told to.
 */
void jobs_drain(Jobs *jobs, gint64 when);

#endif /* MEDIATOR_JOB_H */
