/*
 * Requests to the mediator of puppet.py, for programs that test in a guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PUPPET_H
#define PUPPET_H

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vgpu-stub.h"

#define PUPPET_OPCODE 0x1000

#define PUPPET_FOREVER_MS 60000         /* longer than any test */

enum trick { PUPPET_NONE, PUPPET_ONCE, PUPPET_DROP };

struct puppet_request {
    struct vgpu_stub_request header;
    uint32_t delay_ms;
    uint32_t status;
    uint32_t trick;
    uint32_t tag;               /* its data: another one each time */
};

static inline struct puppet_request puppet_request(uint32_t delay_ms,
                                                   uint32_t status,
                                                   enum trick trick)
{
    static _Atomic uint32_t count;

    return (struct puppet_request) {
        .header = {
            .version = VGPU_STUB_PROTOCOL_VERSION,
            .opcode = PUPPET_OPCODE,
            .param_count = 3,
            .data_offset = sizeof(struct puppet_request) - sizeof(uint32_t),
            .data_length = sizeof(uint32_t),
        },
        .delay_ms = delay_ms,
        .status = status,
        .trick = trick,
        .tag = ((uint32_t)getpid() << 16) + ++count,
    };
}

/* Open the first device, or end the program. */
static inline struct vgpu_stub *puppet_open(void)
{
    struct vgpu_stub *dev;
    int rc = vgpu_stub_open(NULL, &dev);

    if (rc < 0) {
        errx(EXIT_FAILURE, "cannot open: %s", strerror(-rc));
    }
    return dev;
}

static inline int puppet_call(struct vgpu_stub *dev,
                              struct puppet_request request, int timeout_ms,
                              struct vgpu_stub_outcome *outcome)
{
    return vgpu_stub_call(dev, &request, sizeof(request), timeout_ms, outcome);
}

static inline struct vgpu_stub_job *
puppet_submit(struct vgpu_stub *dev, struct puppet_request request,
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

/* Which of the puppet's requests an outcome belongs to, from 1; 0 if none. */
static inline uint32_t puppet_count(const struct vgpu_stub_outcome *outcome)
{
    struct vgpu_stub_reply reply;

    return vgpu_stub_parse(outcome, &reply) == 0 && reply.result_count > 0
           ? reply.results[0] : 0;
}

/* Submit a request that takes so long. */
static inline struct vgpu_stub_job *
puppet_delay(struct vgpu_stub *dev, uint32_t delay_ms)
{
    return puppet_submit(dev, puppet_request(delay_ms, 0, PUPPET_NONE), -1, 0);
}

/* How many requests have reached the mediator, this one included. */
static inline uint32_t puppet_requests(struct vgpu_stub *dev)
{
    struct vgpu_stub_outcome outcome;
    int rc = puppet_call(dev, puppet_request(0, 0, PUPPET_NONE), -1, &outcome);

    return rc == 0 ? puppet_count(&outcome) : 0;
}

#endif /* PUPPET_H */
