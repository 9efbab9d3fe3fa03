/*
 * Requests to the mediator of scripted_mediator.py, for what tests in a guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vgpu-stub.h"

#define SCRIPT_OPCODE 0x1000

#define SCRIPT_FOREVER_MS 60000         /* longer than any test */

enum trick { SCRIPT_NONE, SCRIPT_ONCE, SCRIPT_DROP };

struct script_request {
    struct vgpu_stub_request header;
    uint32_t delay_ms;
    uint32_t status;
    uint32_t trick;
    uint32_t tag;               /* its data: another one each time */
};

static inline struct script_request script_request(uint32_t delay_ms,
                                                   uint32_t status,
                                                   enum trick trick)
{
    static _Atomic uint32_t count;

    return (struct script_request) {
        .header = {
            .version = VGPU_STUB_PROTOCOL_VERSION,
            .opcode = SCRIPT_OPCODE,
            .param_count = 3,
            .data_offset = sizeof(struct script_request) - sizeof(uint32_t),
            .data_length = sizeof(uint32_t),
        },
        .delay_ms = delay_ms,
        .status = status,
        .trick = trick,
        .tag = ((uint32_t)getpid() << 16) + ++count,
    };
}

/* Open the first device, or end the program. */
static inline struct vgpu_stub *script_open(void)
{
    struct vgpu_stub *dev;
    int rc = vgpu_stub_open(NULL, &dev);

    if (rc < 0) {
        errx(EXIT_FAILURE, "cannot open: %s", strerror(-rc));
    }
    return dev;
}

static inline int script_call(struct vgpu_stub *dev,
                              struct script_request request, int timeout_ms,
                              struct vgpu_stub_outcome *outcome)
{
    return vgpu_stub_call(dev, &request, sizeof(request), timeout_ms, outcome);
}

static inline struct vgpu_stub_job *
script_submit(struct vgpu_stub *dev, struct script_request request,
              int timeout_ms, unsigned flags)
{
    struct vgpu_stub_job *job;
    int rc = vgpu_stub_submit(dev, &request, sizeof(request), timeout_ms,
                              flags, &job);

    if (rc < 0) {
        errx(EXIT_FAILURE, "cannot submit: %s", strerror(-rc));
    }
    return job;
}

/* Which of the mediator's requests an outcome belongs to, from 1; 0 if none. */
static inline uint32_t script_count(const struct vgpu_stub_outcome *outcome)
{
    struct vgpu_stub_reply reply;

    return vgpu_stub_parse(outcome, &reply) == 0 && reply.result_count > 0
           ? reply.results[0] : 0;
}

/* Submit a request that takes so long. */
static inline struct vgpu_stub_job *
script_delay(struct vgpu_stub *dev, uint32_t delay_ms)
{
    return script_submit(dev, script_request(delay_ms, 0, SCRIPT_NONE), -1, 0);
}

/* How many requests have reached the mediator, this one included. */
static inline uint32_t script_requests(struct vgpu_stub *dev)
{
    struct vgpu_stub_outcome outcome;
    int rc = script_call(dev, script_request(0, 0, SCRIPT_NONE), -1, &outcome);

    return rc == 0 ? script_count(&outcome) : 0;
}

#endif /* SCRIPT_H */
