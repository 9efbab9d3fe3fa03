/*
 * libvgpu-stub: the jobs that wait for a device, which executes one at a time
 *
 * Jobs are executed in the order in which they come. The thread that brings a
 * synchronous job executes it itself when its turn has come, so that a plain
 * call costs no switch of threads. Asynchronous ones are executed by a thread
 * of the queue.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_QUEUE_H
#define VGPU_STUB_QUEUE_H

#include <pthread.h>

#include "device.h"

struct job {
    int (*work)(struct device *device, struct job *job);
    struct limit limit;
    bool async;
    enum { JOB_QUEUED, JOB_RUNNING, JOB_ENDED } state;
    int result;                 /* that of @work, or -ECANCELED, -ETIMEDOUT … */
    struct job *next;
    pthread_cond_t changed;     /* it has ended, or its turn has come */
};

struct queue {
    struct device *device;
    pthread_mutex_t lock;       /* for all of the queue and its jobs */
    pthread_cond_t changed;     /* for its own thread and who closes it */
    struct job *first;          /* the one that runs, or is to run next */
    bool closed;
    bool has_thread;
    pthread_t thread;
};

/* Takes over @device. */
void queue_init(struct queue *queue, struct device *device);

/*
 * End all jobs as -ECANCELED, and those that come later at once; close the
 * device.
 */
void queue_close(struct queue *queue);

/*
 * Instead of both, in a child of the process that opened the device: free what
 * the child has of it. Its lock may be held by a thread that the child has not.
 */
void queue_abandon(struct queue *queue);

/* After queue_close(), when nobody uses the queue any more. */
void queue_destroy(struct queue *queue);

void job_init(struct job *job,
              int (*work)(struct device *device, struct job *job),
              int64_t deadline_us);

/* After its end. */
void job_destroy(struct job *job);

/* Do a synchronous job; returns its result. */
int queue_run(struct queue *queue, struct job *job);

/* Begin an asynchronous job. Errors: -EAGAIN no thread can be started. */
int queue_start(struct queue *queue, struct job *job);

/* Wait for that job until @until_us; returns its result, or -EAGAIN. */
int queue_wait(struct queue *queue, struct job *job, int64_t until_us);

/* End that job soon, if it has not ended. */
void queue_cancel(struct queue *queue, struct job *job);

#endif /* VGPU_STUB_QUEUE_H */
