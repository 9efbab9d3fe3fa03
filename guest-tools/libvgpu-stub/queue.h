/*
 * libvgpu-stub: requests that wait for a device, which executes one at a time
 *
 * They are executed in the order in which they come. The thread that brings a
 * request and waits for it executes it itself when its turn has come, so that a
 * plain call costs no switch of threads. Jobs are executed by a thread of the
 * queue.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_QUEUE_H
#define VGPU_STUB_QUEUE_H

#include <pthread.h>

#include "device.h"
#include "notice.h"
#include "request.h"

struct queue {
    struct device *device;
    int (*work)(struct device *device, struct request *request);
    pthread_mutex_t lock;       /* for all of the queue and its requests */
    pthread_cond_t changed;     /* for its own thread and who closes it */
    struct requests requests;   /* the first one runs, or is to run next */
    struct notice notice;
    bool closed;
    bool has_thread;
    pthread_t thread;
};

/* Takes over @device. @work executes a request; returns its result. */
void queue_init(struct queue *queue, struct device *device,
                int (*work)(struct device *device, struct request *request));

/*
 * End all requests as -ECANCELED, and those that come later at once; close the
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

/* Do a request; returns its result. */
int queue_run(struct queue *queue, struct request *request);

/* Begin a job. Errors: -EAGAIN no thread can be started. */
int queue_start(struct queue *queue, struct request *request);

/* Wait for that job until @until_us; returns its result, or -EAGAIN. */
int queue_wait(struct queue *queue, struct request *request, int64_t until_us);

/* End that job soon, if it has not ended. */
void queue_cancel(struct queue *queue, struct request *request);

#endif /* VGPU_STUB_QUEUE_H */
