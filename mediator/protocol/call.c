/*
 * What requests and responses carry, as bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "call.h"

#include <string.h>

#define HEADER_SIZE sizeof(struct vgpu_stub_request)
#define KNOWN_FLAGS (VGPU_STUB_REQUEST_ASYNC | VGPU_STUB_REQUEST_BOOST)

static bool call_refuse(Reply *reply, uint32_t status, const char *why)
{
    reply_error(reply, status, why);
    return false;
}

bool call_decode(Call *call, const uint8_t *bytes, size_t length,
                 Reply *reply)
{
    struct vgpu_stub_request raw;
    uint32_t version, data_offset;
    size_t params_end;

    if (length < HEADER_SIZE) {
        return call_refuse(reply, VGPU_STUB_ERR_INVALID_LENGTH,
                           "the request is shorter than its header");
    }
    if (length > VGPU_STUB_QUEUE_REQUEST_MAX) {
        return call_refuse(reply, VGPU_STUB_ERR_REQUEST_TOO_LARGE,
                           "the request is larger than any may be");
    }
    memcpy(&raw, bytes, sizeof(raw));
    version = GUINT32_FROM_LE(raw.version);
    data_offset = GUINT32_FROM_LE(raw.data_offset);
    *call = (Call) {
        .opcode = GUINT32_FROM_LE(raw.opcode),
        .flags = GUINT32_FROM_LE(raw.flags),
        .param_count = GUINT32_FROM_LE(raw.param_count),
        .data_length = GUINT32_FROM_LE(raw.data_length),
    };

    if (version >> 16 != VGPU_STUB_PROTOCOL_VERSION >> 16) {
        return call_refuse(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                           "version: its major part is not 1");
    }
    if (call->flags & ~KNOWN_FLAGS) {
        return call_refuse(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                           "flags: a bit is set that has no meaning");
    }
    if (raw.reserved[0] != 0 || raw.reserved[1] != 0) {
        return call_refuse(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                           "reserved: not 0");
    }
    if (call->param_count > (length - HEADER_SIZE) / sizeof(uint32_t)) {
        return call_refuse(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                           "param_count: the params leave the request");
    }
    call->params = bytes + HEADER_SIZE;
    params_end = HEADER_SIZE + call->param_count * sizeof(uint32_t);

    if (call->data_length == 0 && data_offset == 0) {
        call->data = bytes + params_end;
        return true;
    }
    if (data_offset < params_end) {
        return call_refuse(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                           "data_offset: the data overlap what is before");
    }
    if (data_offset > length || call->data_length > length - data_offset) {
        return call_refuse(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                           "data_offset, data_length: "
                           "the data leave the request");
    }
    call->data = bytes + data_offset;
    return true;
}

uint32_t call_param(const Call *call, unsigned index)
{
    uint32_t param;

    g_assert(index < call->param_count);
    memcpy(&param, call->params + index * sizeof(param), sizeof(param));
    return GUINT32_FROM_LE(param);
}

uint64_t call_param64(const Call *call, unsigned index)
{
    return call_param(call, index) |
           (uint64_t)call_param(call, index + 1) << 32;
}

void reply_init(Reply *reply, size_t capacity)
{
    g_assert(capacity >= sizeof(struct vgpu_stub_response) &&
             capacity <= VGPU_STUB_QUEUE_RESPONSE_MAX);
    /* The body is large, and nobody looks at what is not written there. */
    reply->status = VGPU_STUB_ERR_NONE;
    reply->result_count = 0;
    reply->data_length = 0;
    reply->room = capacity - sizeof(struct vgpu_stub_response);
}

void reply_error(Reply *reply, uint32_t status, const char *why)
{
    reply->status = status;
    reply->result_count = 0;
    reply->data_length = 0;
    reply_append_data(reply, why, MIN(strlen(why), reply->room));
}

static uint8_t *reply_end(Reply *reply, size_t size)
{
    size_t used = reply->result_count * sizeof(uint32_t) +
                  reply->data_length;

    g_assert(size <= sizeof(reply->body) - used);
    return reply->body + used;
}

void reply_append_results(Reply *reply, const void *results, uint32_t count)
{
    size_t size = count * sizeof(uint32_t);

    memcpy(reply_end(reply, size), results, size);
    reply->result_count += count;
}

void reply_append_data(Reply *reply, const void *data, uint32_t length)
{
    memcpy(reply_end(reply, length), data, length);
    reply->data_length += length;
}

static void reply_fit(Reply *reply)
{
    if (reply->result_count * sizeof(uint32_t) + reply->data_length >
        reply->room) {
        reply->status = VGPU_STUB_ERR_INVALID_LENGTH;
        reply->result_count = 0;
        reply->data_length = 0;
    }
}

size_t reply_encode(Reply *reply, uint32_t exec_time_us, uint8_t *bytes)
{
    struct vgpu_stub_response raw;
    size_t results;

    reply_fit(reply);
    results = reply->result_count * sizeof(uint32_t);
    raw = (struct vgpu_stub_response) {
        .version = GUINT32_TO_LE(VGPU_STUB_PROTOCOL_VERSION),
        .status = GUINT32_TO_LE(reply->status),
        .result_count = GUINT32_TO_LE(reply->result_count),
        .data_offset = GUINT32_TO_LE(sizeof(raw) + results),
        .data_length = GUINT32_TO_LE(reply->data_length),
        .exec_time_us = GUINT32_TO_LE(exec_time_us),
    };

    memcpy(bytes, &raw, sizeof(raw));
    memcpy(bytes + sizeof(raw), reply->body, results + reply->data_length);
    return sizeof(raw) + results + reply->data_length;
}
