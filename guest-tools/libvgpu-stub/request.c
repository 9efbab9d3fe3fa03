/*
 * libvgpu-stub: requests, waited for or not
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "opened.h"

/* Between two attempts: the mediator may need a second to start again */
#define RETRY_MIN_US 1000
#define RETRY_MAX_US 100000

struct request {
    struct job job;             /* first: the one is cast to the other */
    const void *bytes;
    size_t length;
    struct vgpu_stub_outcome *outcome;
};

struct vgpu_stub_job {
    struct vgpu_stub *dev;
    struct request request;
    struct vgpu_stub_outcome outcome;
    uint8_t bytes[VGPU_STUB_BUF_SIZE];
};

int request_check(size_t length, unsigned flags)
{
    if (length == 0 || (flags & ~VGPU_STUB_IDEMPOTENT)) {
        return -EINVAL;
    }
    return length > VGPU_STUB_BUF_SIZE ? -EMSGSIZE : 0;
}

/* Whether it ended because of what happened around it. */
static bool is_interrupted(int rc, const struct vgpu_stub_outcome *outcome)
{
    return rc == -ECONNRESET ||
           (rc == -EREMOTEIO &&
            (outcome->error_code == VGPU_STUB_ERR_CANCELLED ||
             outcome->error_code == VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE));
}

static int execute_once(struct device *device, struct job *job)
{
    struct request *request = (struct request *)job;

    return device_execute(device, request->bytes, request->length,
                          &job->limit, request->outcome);
}

/* Until when a request that began at @begin_us may be sent again. */
static int64_t last_attempt_us(struct device *device, const struct job *job,
                               int64_t begin_us)
{
    uint32_t ms;

    if (job->limit.deadline_us != CLOCK_NEVER) {
        return job->limit.deadline_us;
    }
    ms = device_request_timeout_ms(device);
    return ms == 0 ? CLOCK_NEVER : begin_us + ms * INT64_C(1000);
}

static int execute_until_done(struct device *device, struct job *job)
{
    const struct request *request = (struct request *)job;
    const int64_t begin = clock_us();
    int64_t pause = RETRY_MIN_US;
    int rc, stopped;

    for (;;) {
        rc = execute_once(device, job);
        if (!is_interrupted(rc, request->outcome) ||
            clock_us() + pause >= last_attempt_us(device, job, begin)) {
            return rc;
        }
        stopped = device_pause(device, pause, &job->limit);
        if (stopped < 0) {
            return stopped;
        }
        pause = pause * 2 < RETRY_MAX_US ? pause * 2 : RETRY_MAX_US;
    }
}

static void request_init(struct request *request, const void *bytes,
                         size_t length, int64_t deadline_us, unsigned flags,
                         struct vgpu_stub_outcome *outcome)
{
    job_init(&request->job, flags & VGPU_STUB_IDEMPOTENT ? execute_until_done
                                                         : execute_once,
             deadline_us);
    request->bytes = bytes;
    request->length = length;
    request->outcome = outcome;
}

int opened_call(struct vgpu_stub *dev, const void *bytes, size_t length,
                int64_t deadline_us, unsigned flags,
                struct vgpu_stub_outcome *outcome)
{
    struct request request;
    int rc = request_check(length, flags);

    if (rc < 0) {
        return rc;
    }
    request_init(&request, bytes, length, deadline_us, flags, outcome);
    limit_ask(&request.job.limit, dev->stop, dev->opaque);
    rc = queue_run(&dev->queue, &request.job);
    job_destroy(&request.job);
    return rc;
}

int vgpu_stub_call(struct vgpu_stub *dev, const void *request, size_t length,
                   int timeout_ms, struct vgpu_stub_outcome *outcome)
{
    struct vgpu_stub_outcome unwanted;
    int cancelling, rc;

    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    rc = opened_call(dev, request, length, clock_deadline(timeout_ms), 0,
                     outcome ? outcome : &unwanted);
    opened_end(dev, cancelling);
    return rc;
}

/* Within a call */
static int submit(struct vgpu_stub *dev, const void *request, size_t length,
                  int timeout_ms, unsigned flags, struct vgpu_stub_job **job)
{
    struct vgpu_stub_job *j;
    int rc = request_check(length, flags);

    if (rc < 0) {
        return rc;
    }
    j = malloc(sizeof(*j));
    if (!j) {
        return -ENOMEM;
    }
    memcpy(j->bytes, request, length);
    request_init(&j->request, j->bytes, length, clock_deadline(timeout_ms),
                 flags, &j->outcome);
    j->dev = dev;

    opened_hold(dev);
    rc = queue_start(&dev->queue, &j->request.job);
    if (rc < 0) {
        job_destroy(&j->request.job);
        free(j);
        opened_release(dev);
        return rc;
    }
    *job = j;
    return 0;
}

int vgpu_stub_submit(struct vgpu_stub *dev, const void *request,
                     size_t length, int timeout_ms, unsigned flags,
                     struct vgpu_stub_job **job)
{
    int cancelling, rc;

    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    rc = submit(dev, request, length, timeout_ms, flags, job);
    opened_end(dev, cancelling);
    return rc;
}

int vgpu_stub_wait(struct vgpu_stub_job *job, int timeout_ms,
                   struct vgpu_stub_outcome *outcome)
{
    int cancelling, rc;

    rc = opened_begin(job->dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    rc = queue_wait(&job->dev->queue, &job->request.job,
                    clock_deadline(timeout_ms));
    if (outcome && (rc == 0 || rc == -EREMOTEIO)) {
        *outcome = job->outcome;
    }
    opened_end(job->dev, cancelling);
    return rc;
}

void vgpu_stub_cancel(struct vgpu_stub_job *job)
{
    int cancelling;

    if (opened_begin(job->dev, &cancelling) == 0) {
        queue_cancel(&job->dev->queue, &job->request.job);
        opened_end(job->dev, cancelling);
    }
}

void vgpu_stub_job_free(struct vgpu_stub_job *job)
{
    if (!job) {
        return;
    }
    vgpu_stub_cancel(job);
    vgpu_stub_wait(job, -1, NULL);
    if (!opened_is_inherited(job->dev)) {
        job_destroy(&job->request.job);
    }
    opened_release(job->dev);
    free(job);
}
