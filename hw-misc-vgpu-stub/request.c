/*
 * vgpu-stub: one request, from its submission to its outcome
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "request.h"
#include "compat.h"

/* Its outcome: @length (<= size) bytes of response. */
static void request_latch(VgpuStubRequest *request, uint32_t error_code,
                          const uint8_t *data, uint32_t length)
{
    trace_vgpu_stub_finish(request, request->sequence, error_code, length);
    timer_del(&request->timeout);
    assert(length <= request->size);
    if (length) {
        memcpy(request->response, data, length);
    }
    request->response_len = length;
    request->error_code = error_code;
    request->timestamp_us = qemu_clock_get_us(QEMU_CLOCK_VIRTUAL);
    request->status = error_code ? VGPU_STUB_STATUS_ERROR
                                 : VGPU_STUB_STATUS_DONE;
}

static void request_finish(VgpuStubRequest *request, uint32_t error_code,
                           const uint8_t *data, uint32_t length)
{
    request_latch(request, error_code, data, length);
    request->ended(request->opaque);
}

static void request_fail(VgpuStubRequest *request, uint32_t error_code)
{
    request_finish(request, error_code, NULL, 0);
}

/* It has ended, but its mediator does not know. */
static void request_send_cancel(VgpuStubRequest *request)
{
    vgpu_stub_link_send_cancel(request->link, request->sequence, request->id);
}

static void request_clear_response(VgpuStubRequest *request)
{
    memset(request->response, 0, request->size);
    request->response_len = 0;
    request->error_code = VGPU_STUB_ERR_NONE;
}

static void request_timeout(void *opaque)
{
    VgpuStubRequest *request = opaque;

    request_fail(request, VGPU_STUB_ERR_TIMEOUT);
    request_send_cancel(request);
}

void vgpu_stub_request_init(VgpuStubRequest *request)
{
    timer_init_ms(&request->timeout, QEMU_CLOCK_VIRTUAL, request_timeout,
                  request);
}

void vgpu_stub_request_exit(VgpuStubRequest *request)
{
    timer_del(&request->timeout);
}

bool vgpu_stub_request_runs(const VgpuStubRequest *request)
{
    return request->status == VGPU_STUB_STATUS_BUSY;
}

static void request_send(VgpuStubRequest *request)
{
    request->sequence = vgpu_stub_link_next_sequence(request->link);
    request->status = VGPU_STUB_STATUS_BUSY;
    trace_vgpu_stub_submit(request, request->sequence, request->id,
                           request->length);
    if (request->timeout_ms) {
        timer_mod(&request->timeout, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) +
                                     request->timeout_ms);
    }
    /* Last: a link that is found lost here ends the request at once. */
    vgpu_stub_link_send_request(request->link, request->sequence, request->id,
                                request->data, request->length);
}

void vgpu_stub_request_submit(VgpuStubRequest *request)
{
    assert(!vgpu_stub_request_runs(request));
    request_clear_response(request);
    if (request->length == 0) {
        request_fail(request, VGPU_STUB_ERR_INVALID_LENGTH);
    } else if (request->length > request->size) {
        request_fail(request, VGPU_STUB_ERR_REQUEST_TOO_LARGE);
    } else if (!vgpu_stub_link_is_up(request->link)) {
        request_fail(request, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
    } else if (!vgpu_stub_link_has_room(request->link, request->length)) {
        request_fail(request, VGPU_STUB_ERR_QUEUE_FULL);
    } else {
        request_send(request);
    }
}

void vgpu_stub_request_cancel(VgpuStubRequest *request)
{
    request_fail(request, VGPU_STUB_ERR_CANCELLED);
    request_send_cancel(request);
}

void vgpu_stub_request_collect(VgpuStubRequest *request)
{
    trace_vgpu_stub_idle(request, request->sequence);
    request->status = VGPU_STUB_STATUS_IDLE;
}

void vgpu_stub_request_response(VgpuStubRequest *request, uint64_t sequence,
                                uint32_t status, const uint8_t *data,
                                uint32_t length)
{
    if (!vgpu_stub_request_runs(request) || sequence != request->sequence) {
        trace_vgpu_stub_late_response(request, sequence, request->sequence);
        return;
    }
    request_finish(request, status, data, length);
}

void vgpu_stub_request_lost(VgpuStubRequest *request, uint32_t error_code)
{
    if (vgpu_stub_request_runs(request)) {
        request_fail(request, error_code);
    }
}

void vgpu_stub_request_reset(VgpuStubRequest *request)
{
    bool ran = vgpu_stub_request_runs(request);

    timer_del(&request->timeout);
    request->status = VGPU_STUB_STATUS_IDLE;
    if (ran) {
        request_send_cancel(request);
    }
    request->id = 0;
    request->length = 0;
    request->timestamp_us = 0;
    request_clear_response(request);
}

bool vgpu_stub_request_loaded(VgpuStubRequest *request)
{
    memset(request->response + request->response_len, 0,
           request->size - request->response_len);
    if (!vgpu_stub_request_runs(request)) {
        return false;
    }
    /* Its answer goes to a link that this QEMU does not have. */
    request_clear_response(request);
    request_latch(request, VGPU_STUB_ERR_CANCELLED, NULL, 0);
    return true;
}
