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
