/*
 * vgpu-stub: one request, from its submission to its outcome
 *
 * A request is IDLE, BUSY while the mediator has it, and then DONE or ERROR
 * until its outcome was collected: the state machine of docs/registers.md. It
 * knows the link that carries it, and nothing of registers: whoever owns it
 * gives it its buffers, and is told when it ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_REQUEST_H
#define VGPU_STUB_REQUEST_H

#include "link.h"

typedef struct VgpuStubRequest {
    /* Set by the owner before vgpu_stub_request_init() */
    VgpuStubLink *link;
    const uint8_t *data;        /* what is sent */
    uint8_t *response;          /* zero beyond response_len */
    uint32_t size;              /* bytes of each of them */
    uint32_t timeout_ms;        /* of virtual time that it may run; 0: ever */
    void (*ended)(void *opaque);    /* by itself or not: its outcome is there */
    void *opaque;

    /* Set by the owner while it does not run */
    uint32_t id;                /* the guest's tag */
    uint32_t length;            /* bytes of data to send; any value */

    uint32_t status;            /* VGPU_STUB_STATUS_… */
    uint32_t error_code;        /* VGPU_STUB_ERR_… */
    uint32_t response_len;      /* bytes, <= size */
    uint64_t timestamp_us;      /* virtual time of its end */
    uint64_t sequence;          /* of its last submission */
    QEMUTimer timeout;
} VgpuStubRequest;

void vgpu_stub_request_init(VgpuStubRequest *request);

/* Nothing happens to it any more. */
void vgpu_stub_request_exit(VgpuStubRequest *request);

/* Is it BUSY? Its data, id and length have to stay as they are then. */
bool vgpu_stub_request_runs(const VgpuStubRequest *request);

/*
 * Send it, in place of what it was before; it must not run. It may end before
 * this returns, when it cannot be sent for example.
 */
void vgpu_stub_request_submit(VgpuStubRequest *request);

/* It runs, and is not wanted any more: it ends as CANCELLED. */
void vgpu_stub_request_cancel(VgpuStubRequest *request);

/* Its outcome, DONE or ERROR, was collected; the values stay. */
void vgpu_stub_request_collect(VgpuStubRequest *request);

/* The link's ops; what is not an answer to this request is dropped. */
void vgpu_stub_request_response(VgpuStubRequest *request, uint64_t sequence,
                                uint32_t status, const uint8_t *data,
                                uint32_t length);
void vgpu_stub_request_lost(VgpuStubRequest *request, uint32_t error_code);

/* As if it had never been; nobody is told but the mediator, if it runs. */
void vgpu_stub_request_reset(VgpuStubRequest *request);

/*
 * Its fields were loaded, and were checked. One that ran has ended as CANCELLED
 * then: returns whether it did, ended() is not called.
 */
bool vgpu_stub_request_loaded(VgpuStubRequest *request);

#endif /* VGPU_STUB_REQUEST_H */
