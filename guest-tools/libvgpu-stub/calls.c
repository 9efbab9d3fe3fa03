/*
 * libvgpu-stub: requests, waited for or not
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "opened.h"
#include "sized.h"

struct vgpu_stub_job {
    struct vgpu_stub *dev;
    struct request request;
    struct vgpu_stub_outcome outcome;
    uint8_t bytes[VGPU_STUB_BUF_SIZE];
};

int opened_call(struct vgpu_stub *dev, const void *bytes, size_t length,
                int64_t deadline_us, unsigned flags,
                struct vgpu_stub_outcome *outcome)
{
    struct request request;
    int rc = flags & (VGPU_STUB_MORE | VGPU_STUB_LARGE)
             ? -EINVAL : request_check(length, flags);

    if (rc < 0) {
        return rc;
    }
    request_init(&request, bytes, length, deadline_us, flags, outcome);
    limit_ask(&request.limit, dev->stop, dev->opaque);
    rc = dev->transport->ops->run(dev->transport, &request);
    request_destroy(&request);
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
    j->request.async = true;
    j->dev = dev;

    opened_hold(dev);
    rc = dev->transport->ops->begin(dev->transport, &j->request);
    if (rc < 0) {
        request_destroy(&j->request);
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

static int wait_job(struct vgpu_stub_job *job, int timeout_ms)
{
    struct transport *transport = job->dev->transport;
    int cancelling, rc;

    rc = opened_begin(job->dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    rc = transport->ops->wait(transport, &job->request,
                              clock_deadline(timeout_ms));
    opened_end(job->dev, cancelling);
    return rc;
}

/* An error's response that is too long: its text is cut. */
static void cut(struct vgpu_stub_outcome *outcome)
{
    struct vgpu_stub_response response;

    memcpy(&response, outcome->data, sizeof(response));
    outcome->length = sizeof(outcome->data);
    if (response.data_offset < outcome->length &&
        response.data_length > outcome->length - response.data_offset) {
        response.data_length = outcome->length - response.data_offset;
        memcpy(outcome->data, &response, sizeof(response));
    }
}

int vgpu_stub_wait(struct vgpu_stub_job *job, int timeout_ms,
                   struct vgpu_stub_outcome *outcome)
{
    int rc = wait_job(job, timeout_ms);

    if (!outcome || (rc < 0 && rc != -EREMOTEIO)) {
        return rc;
    }
    *outcome = job->outcome;
    if (!job->request.large) {
        return rc;
    }
    cut(outcome);
    return rc == 0 ? -EMSGSIZE : rc;
}

int vgpu_stub_wait_answer(struct vgpu_stub_job *job, int timeout_ms,
                          struct vgpu_stub_answer *answer)
{
    struct vgpu_stub_answer known;
    int given, rc = wait_job(job, timeout_ms);

    if (rc < 0 && rc != -EREMOTEIO) {
        return rc;
    }
    known = (struct vgpu_stub_answer) {
        .error_code = job->outcome.error_code,
        .length = job->outcome.length,
        .data = job->request.large ? job->request.large : job->outcome.data,
    };
    given = SIZED_GIVE(answer, known, data);
    return given < 0 ? given : rc;
}

void vgpu_stub_cancel(struct vgpu_stub_job *job)
{
    struct transport *transport = job->dev->transport;
    int cancelling;

    if (opened_begin(job->dev, &cancelling) == 0) {
        transport->ops->cancel(transport, &job->request);
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
        request_destroy(&job->request);
    }
    opened_release(job->dev);
    free(job);
}

int vgpu_stub_fd(struct vgpu_stub *dev)
{
    int cancelling, rc;

    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    rc = dev->transport->ops->fd(dev->transport);
    opened_end(dev, cancelling);
    return rc;
}
