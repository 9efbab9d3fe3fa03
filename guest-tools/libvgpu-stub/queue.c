/*
 * libvgpu-stub: requests that wait for a device, which executes one at a time
 *
 * SPDX-License-Identifier: MIT
 */
#include "queue.h"

#include <signal.h>

#include "clock.h"
#include "cond.h"

/* --- All with the lock held, from here --- */

static struct request *first(const struct queue *queue)
{
    return TAILQ_FIRST(&queue->requests);
}

static bool has_turn(const struct queue *queue, const struct request *request)
{
    return first(queue) == request && request->state == REQUEST_QUEUED;
}

/* Tell whoever is to go on now. */
static void pass_turn(struct queue *queue)
{
    struct request *request = first(queue);

    if (queue->closed || (request && request->async)) {
        pthread_cond_broadcast(&queue->changed);
    } else if (request) {
        pthread_cond_signal(&request->changed);
    }
}

/* The one place where a request ends. */
static void end(struct queue *queue, struct request *request, int result)
{
    TAILQ_REMOVE(&queue->requests, request, entry);
    request->state = REQUEST_ENDED;
    request->result = result;
    notice_ended(&queue->notice, request);
    pthread_cond_broadcast(&request->changed);
    pass_turn(queue);
}

static void append(struct queue *queue, struct request *request)
{
    TAILQ_INSERT_TAIL(&queue->requests, request, entry);
    if (queue->closed) {
        end(queue, request, -ECANCELED);
    }
}

/* Execute the request whose turn it is, without the lock meanwhile. */
static void run(struct queue *queue, struct request *request)
{
    int rc;

    request->state = REQUEST_RUNNING;
    pthread_mutex_unlock(&queue->lock);
    rc = limit_check(&request->limit, clock_us());
    if (rc == 0) {
        rc = queue->work(queue->device, request);
    }
    pthread_mutex_lock(&queue->lock);
    end(queue, request, rc);
}

static void cancel(struct queue *queue, struct request *request)
{
    if (request->state == REQUEST_QUEUED) {
        end(queue, request, -ECANCELED);
    } else if (request->state == REQUEST_RUNNING) {
        atomic_store(&request->limit.stop, true);
        device_wake(queue->device);
    }
}

/* End a request whose time is over before its turn has come. */
static void expire(struct queue *queue, struct request *request)
{
    if (request->state == REQUEST_QUEUED &&
        clock_us() >= request->limit.deadline_us) {
        end(queue, request, -ETIMEDOUT);
    }
}

/* As expire(), for the thread whose request it is: it can be asked, too. */
static void check(struct queue *queue, struct request *request)
{
    int rc;

    pthread_mutex_unlock(&queue->lock);
    rc = limit_check(&request->limit, clock_us());
    pthread_mutex_lock(&queue->lock);
    if (rc < 0 && request->state == REQUEST_QUEUED) {
        end(queue, request, rc);
    }
}

/* --- Without the lock, from here --- */

/* The queue's thread */
static void *run_async_jobs(void *opaque)
{
    struct queue *queue = opaque;

    pthread_mutex_lock(&queue->lock);
    while (!queue->closed) {
        struct request *request = first(queue);

        if (request && request->async && has_turn(queue, request)) {
            run(queue, request);
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

void queue_init(struct queue *queue, struct device *device,
                int (*work)(struct device *device, struct request *request))
{
    *queue = (struct queue) { .device = device, .work = work };
    TAILQ_INIT(&queue->requests);
    notice_init(&queue->notice);
    pthread_mutex_init(&queue->lock, NULL);
    cond_init(&queue->changed);
}

void queue_close(struct queue *queue)
{
    bool has_thread;

    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    while (first(queue) && TAILQ_NEXT(first(queue), entry)) {
        end(queue, TAILQ_NEXT(first(queue), entry), -ECANCELED);
    }
    if (first(queue)) {
        cancel(queue, first(queue));
    }
    pass_turn(queue);
    while (first(queue)) {
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
    notice_destroy(&queue->notice);
    device_abandon(queue->device);
}

void queue_destroy(struct queue *queue)
{
    notice_destroy(&queue->notice);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

int queue_run(struct queue *queue, struct request *request)
{
    pthread_mutex_lock(&queue->lock);
    append(queue, request);
    while (request->state == REQUEST_QUEUED) {
        if (has_turn(queue, request)) {
            run(queue, request);
        } else {
            cond_wait(&request->changed, &queue->lock,
                      limit_next(&request->limit));
            check(queue, request);
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return request->result;
}

int queue_start(struct queue *queue, struct request *request)
{
    int rc;

    pthread_mutex_lock(&queue->lock);
    rc = start_thread(queue);
    if (rc == 0) {
        append(queue, request);
        pass_turn(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

int queue_wait(struct queue *queue, struct request *request, int64_t until_us)
{
    int rc = -EAGAIN;

    pthread_mutex_lock(&queue->lock);
    expire(queue, request);
    while (request->state != REQUEST_ENDED && clock_us() < until_us) {
        int64_t wake_us = until_us;

        if (request->state == REQUEST_QUEUED &&
            request->limit.deadline_us < wake_us) {
            wake_us = request->limit.deadline_us;
        }
        cond_wait(&request->changed, &queue->lock, wake_us);
        expire(queue, request);
    }
    if (request->state == REQUEST_ENDED) {
        rc = request->result;
        notice_seen(&queue->notice, request);
    }
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

void queue_cancel(struct queue *queue, struct request *request)
{
    pthread_mutex_lock(&queue->lock);
    cancel(queue, request);
    pthread_mutex_unlock(&queue->lock);
}
