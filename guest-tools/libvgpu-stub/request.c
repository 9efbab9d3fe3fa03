/*
 * libvgpu-stub: a request, from whoever brings it to its end
 *
 * SPDX-License-Identifier: MIT
 */
#include "request.h"

#include <stdlib.h>

#include "cond.h"

/* Between two attempts: the mediator may need a second to start again */
#define RETRY_MIN_US 1000
#define RETRY_MAX_US 100000

int request_check(size_t length, unsigned flags)
{
    const unsigned known = VGPU_STUB_IDEMPOTENT | VGPU_STUB_MORE |
                           VGPU_STUB_LARGE | VGPU_STUB_ORDER(UINT32_MAX);

    if (length == 0 || (flags & ~known)) {
        return -EINVAL;
    }
    return length > VGPU_STUB_BUF_SIZE ? -EMSGSIZE : 0;
}

void request_init(struct request *request, const void *bytes, size_t length,
                  int64_t deadline_us, unsigned flags,
                  struct vgpu_stub_outcome *outcome)
{
    *request = (struct request) {
        .bytes = bytes,
        .length = length,
        .flags = flags,
        .outcome = outcome,
        .begin_us = clock_us(),
        .pause_us = RETRY_MIN_US,
    };
    limit_init(&request->limit, deadline_us);
    cond_init(&request->changed);
}

void request_destroy(struct request *request)
{
    pthread_cond_destroy(&request->changed);
    free(request->large);
}

/* Whether it ended because of what happened around it. */
static bool is_interrupted(int rc, const struct vgpu_stub_outcome *outcome)
{
    return rc == -ECONNRESET ||
           (rc == -EREMOTEIO &&
            (outcome->error_code == VGPU_STUB_ERR_CANCELLED ||
             outcome->error_code == VGPU_STUB_ERR_CONTEXT_LOST ||
             outcome->error_code == VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE));
}

/* Until when it may be sent again */
static int64_t last_attempt_us(const struct request *request,
                               uint32_t timeout_ms)
{
    if (request->limit.deadline_us != CLOCK_NEVER) {
        return request->limit.deadline_us;
    }
    return timeout_ms == 0 ? CLOCK_NEVER
                           : request->begin_us + timeout_ms * INT64_C(1000);
}

bool request_rests(struct request *request, int rc, uint32_t timeout_ms)
{
    if (!(request->flags & VGPU_STUB_IDEMPOTENT) ||
        !is_interrupted(rc, request->outcome)) {
        return false;
    }
    request->rest_us = clock_us() + request->pause_us;
    request->pause_us = request->pause_us * 2 < RETRY_MAX_US
                        ? request->pause_us * 2 : RETRY_MAX_US;
    return request->rest_us < last_attempt_us(request, timeout_ms);
}
