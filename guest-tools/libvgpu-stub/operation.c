/*
 * libvgpu-stub: operations as requests, and those that stand alone
 *
 * SPDX-License-Identifier: MIT
 */
#include "operation.h"

#include "clock.h"
#include "sized.h"
#include "text.h"
#include "vgpu-stub-opencl.h"

size_t operation_encode(const struct operation *operation,
                        uint8_t buffer[VGPU_STUB_BUF_SIZE])
{
    const size_t params_size = operation->param_count * sizeof(uint32_t);
    const struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = operation->opcode,
        .param_count = operation->param_count,
        .data_offset = sizeof(request) + params_size,
        .data_length = operation->data_length,
    };

    memcpy(buffer, &request, sizeof(request));
    if (params_size > 0) {
        memcpy(buffer + sizeof(request), operation->params, params_size);
    }
    if (request.data_length > 0) {
        memcpy(buffer + request.data_offset, operation->data,
               request.data_length);
    }
    return request.data_offset + request.data_length;
}

int operation_call(struct vgpu_stub *dev, const struct operation *operation,
                   uint32_t results, int64_t deadline_us, unsigned flags,
                   struct vgpu_stub_outcome *outcome,
                   struct vgpu_stub_reply *reply)
{
    uint8_t buffer[VGPU_STUB_BUF_SIZE];
    int rc;

    rc = opened_call(dev, buffer, operation_encode(operation, buffer),
                     deadline_us, flags, outcome);
    if (rc < 0) {
        return rc;
    }
    rc = vgpu_stub_parse(outcome, reply);
    if (rc < 0) {
        return rc;
    }
    return reply->status == VGPU_STUB_ERR_NONE &&
           reply->result_count >= results ? 0 : -EBADMSG;
}

int operation_single(struct vgpu_stub *dev, const struct operation *operation,
                     uint32_t results, int timeout_ms, unsigned flags,
                     struct vgpu_stub_outcome *outcome,
                     struct vgpu_stub_reply *reply)
{
    int cancelling;
    int rc = opened_begin(dev, &cancelling);

    if (rc < 0) {
        return rc;
    }
    rc = operation_call(dev, operation, results, clock_deadline(timeout_ms),
                        flags, outcome, reply);
    opened_end(dev, cancelling);
    return rc;
}

int vgpu_stub_echo(struct vgpu_stub *dev, const void *data, size_t length,
                   int timeout_ms, struct vgpu_stub_outcome *outcome)
{
    const struct operation echo = {
        .opcode = VGPU_STUB_OP_ECHO,
        .data_length = length,
        .data = data,
    };
    struct vgpu_stub_outcome unwanted;
    struct vgpu_stub_reply reply;
    int rc;

    if (length > VGPU_STUB_ECHO_MAX) {
        return -EMSGSIZE;
    }
    rc = operation_single(dev, &echo, 0, timeout_ms, 0,
                          outcome ? outcome : &unwanted, &reply);
    if (rc == 0 && (reply.data_length != length ||
                    memcmp(reply.data, data, length) != 0)) {
        return -EBADMSG;
    }
    return rc;
}

int vgpu_stub_synchronize(struct vgpu_stub *dev, int timeout_ms,
                          unsigned flags, struct vgpu_stub_outcome *outcome)
{
    const struct operation synchronize = {
        .opcode = VGPU_STUB_OP_SYNCHRONIZE,
    };
    struct vgpu_stub_outcome unwanted;
    struct vgpu_stub_reply reply;

    return operation_single(dev, &synchronize, 0, timeout_ms, flags,
                            outcome ? outcome : &unwanted, &reply);
}

/* Bit n of these results: opcode n is executed. A mediator may have fewer. */
static bool has_opcode(const struct vgpu_stub_reply *reply, uint32_t opcode)
{
    const uint32_t word = opcode < 32 ? 1 : 7 + opcode / 32;

    return word < reply->result_count &&
           (reply->results[word] & 1u << opcode % 32);
}

int vgpu_stub_get_accelerator(struct vgpu_stub *dev,
                              struct vgpu_stub_accelerator *accelerator,
                              int timeout_ms, unsigned flags,
                              struct vgpu_stub_outcome *outcome)
{
    const struct operation get = { .opcode = VGPU_STUB_OP_GET_DEVICE_INFO };
    struct vgpu_stub_accelerator known;
    struct vgpu_stub_outcome unwanted;
    struct vgpu_stub_reply reply;
    int rc;

    rc = operation_single(dev, &get, 8, timeout_ms, flags,
                          outcome ? outcome : &unwanted, &reply);
    if (rc < 0) {
        return rc;
    }
    known = (struct vgpu_stub_accelerator) {
        .present = reply.results[0] > 0,
        .opcodes = reply.results[1],
        .backend = reply.results[2],
        .memory_quota = operation_value(reply.results + 3),
        .memory_used = operation_value(reply.results + 5),
        .compute_units = reply.results[7],
        .opencl = has_opcode(&reply, VGPU_STUB_OP_OPENCL),
    };
    text_copy(known.name, sizeof(known.name), reply.data, reply.data_length);
    return SIZED_GIVE(accelerator, known, name);
}
