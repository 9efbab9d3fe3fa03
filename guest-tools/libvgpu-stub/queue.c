/*
 * libvgpu-stub: the jobs that wait for a device, which executes one at a time
 *
 * SPDX-License-Identifier: MIT
 */
#include "queue.h"

#include <signal.h>

#include "clock.h"

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                      int64_t until_us)
{
    struct timespec until;

    if (until_us == CLOCK_NEVER) {
        pthread_cond_wait(cond, lock);
    } else {
        until = clock_timespec(until_us);
        pthread_cond_timedwait(cond, lock, &until);
    }
}

void job_init(struct job *job,
              int (*work)(struct device *device, struct job *job),
              int64_t deadline_us)
{
    *job = (struct job) { .work = work };
    limit_init(&job->limit, deadline_us);
    cond_init(&job->changed);
}

void job_destroy(struct job *job)
{
    pthread_cond_destroy(&job->changed);
}

/* --- All with the lock held, from here --- */

static bool has_turn(const struct queue *queue, const struct job *job)
{
    return queue->first == job && job->state == JOB_QUEUED;
}

/* Tell whoever is to go on now. */
static void pass_turn(struct queue *queue)
{
    struct job *job = queue->first;

    if (queue->closed || (job && job->async)) {
        pthread_cond_broadcast(&queue->changed);
    } else if (job) {
        pthread_cond_signal(&job->changed);
    }
}

static void append(struct queue *queue, struct job *job)
{
    struct job **end = &queue->first;

    if (queue->closed) {
        job->state = JOB_ENDED;
        job->result = -ECANCELED;
        return;
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = job;
}

/* The one place where a job ends. */
static void end(struct queue *queue, struct job *job, int result)
{
    struct job **link = &queue->first;

    while (*link != job) {
        link = &(*link)->next;
    }
    *link = job->next;
    job->state = JOB_ENDED;
    job->result = result;
    pthread_cond_broadcast(&job->changed);
    pass_turn(queue);
}

/* Execute the job whose turn it is, without the lock meanwhile. */
static void run(struct queue *queue, struct job *job)
{
    int rc;

    job->state = JOB_RUNNING;
    pthread_mutex_unlock(&queue->lock);
    rc = limit_check(&job->limit, clock_us());
    if (rc == 0) {
        rc = job->work(queue->device, job);
    }
    pthread_mutex_lock(&queue->lock);
    end(queue, job, rc);
}

static void cancel(struct queue *queue, struct job *job)
{
    if (job->state == JOB_QUEUED) {
        end(queue, job, -ECANCELED);
    } else if (job->state == JOB_RUNNING) {
        atomic_store(&job->limit.stop, true);
        device_wake(queue->device);
    }
}

/* End a job whose time is over before its turn has come. */
static void expire(struct queue *queue, struct job *job)
{
    if (job->state == JOB_QUEUED && clock_us() >= job->limit.deadline_us) {
        end(queue, job, -ETIMEDOUT);
    }
}

/* As expire(), for the thread whose job it is: it can be asked, too. */
static void check(struct queue *queue, struct job *job)
{
    int rc;

    pthread_mutex_unlock(&queue->lock);
    rc = limit_check(&job->limit, clock_us());
    pthread_mutex_lock(&queue->lock);
    if (rc < 0 && job->state == JOB_QUEUED) {
        end(queue, job, rc);
    }
}

/* --- Without the lock, from here --- */

/* The queue's thread */
static void *run_async_jobs(void *opaque)
{
    struct queue *queue = opaque;

    pthread_mutex_lock(&queue->lock);
    while (!queue->closed) {
        struct job *job = queue->first;

        if (job && job->async && has_turn(queue, job)) {
            run(queue, job);
        } else {
            pthread_cond_wait(&queue->changed, &queue->lock);
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* With the lock held. Signals are for the threads of the program. */
static int start_thread(struct queue *queue)
{
    sigset_t all, before;
    int error;

    if (queue->has_thread || queue->closed) {
        return 0;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&queue->thread, NULL, run_async_jobs, queue);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    queue->has_thread = error == 0;
    return error ? -EAGAIN : 0;
}

void queue_init(struct queue *queue, struct device *device)
{
    *queue = (struct queue) { .device = device };
    pthread_mutex_init(&queue->lock, NULL);
    cond_init(&queue->changed);
}

void queue_close(struct queue *queue)
{
    bool has_thread;

    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    while (queue->first && queue->first->next) {
        end(queue, queue->first->next, -ECANCELED);
    }
    if (queue->first) {
        cancel(queue, queue->first);
    }
    pass_turn(queue);
    while (queue->first) {
        pthread_cond_wait(&queue->changed, &queue->lock);
    }
    has_thread = queue->has_thread;
    pthread_mutex_unlock(&queue->lock);

    if (has_thread) {
        pthread_join(queue->thread, NULL);
    }
    device_close(queue->device);
}

void queue_abandon(struct queue *queue)
{
    device_abandon(queue->device);
}

void queue_destroy(struct queue *queue)
{
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

int queue_run(struct queue *queue, struct job *job)
{
    pthread_mutex_lock(&queue->lock);
    append(queue, job);
    while (job->state == JOB_QUEUED) {
        if (has_turn(queue, job)) {
            run(queue, job);
        } else {
            cond_wait(&job->changed, &queue->lock, limit_next(&job->limit));
            check(queue, job);
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return job->result;
}

int queue_start(struct queue *queue, struct job *job)
{
    int rc;

    pthread_mutex_lock(&queue->lock);
    rc = start_thread(queue);
    if (rc == 0) {
        job->async = true;
        append(queue, job);
        pass_turn(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

int queue_wait(struct queue *queue, struct job *job, int64_t until_us)
{
    int rc = -EAGAIN;

    pthread_mutex_lock(&queue->lock);
    expire(queue, job);
    while (job->state != JOB_ENDED && clock_us() < until_us) {
        int64_t wake_us = until_us;

        if (job->state == JOB_QUEUED && job->limit.deadline_us < wake_us) {
            wake_us = job->limit.deadline_us;
        }
        cond_wait(&job->changed, &queue->lock, wake_us);
        expire(queue, job);
    }
    if (job->state == JOB_ENDED) {
        rc = job->result;
    }
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

void queue_cancel(struct queue *queue, struct job *job)
{
    pthread_mutex_lock(&queue->lock);
    cancel(queue, job);
    pthread_mutex_unlock(&queue->lock);
}
