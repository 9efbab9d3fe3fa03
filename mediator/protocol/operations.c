/*
 * The operations that need no accelerator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "operations.h"

static void nop(const Call *call, Reply *reply)
{
    if (call->param_count > 0 || call->data_length > 0) {
        reply_error(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                    "the operation takes no params and no data");
    }
}

static void echo(const Call *call, Reply *reply)
{
    reply_append_results(reply, call->params, call->param_count);
    reply_append_data(reply, call->data, call->data_length);
}

bool operations_need_accelerator(uint32_t opcode)
{
    switch (opcode) {
    case VGPU_STUB_OP_KERNEL:
    case VGPU_STUB_OP_MEMORY_ALLOC:
    case VGPU_STUB_OP_MEMORY_FREE:
    case VGPU_STUB_OP_MEMORY_COPY:
    case VGPU_STUB_OP_GET_DEVICE_INFO:
    case VGPU_STUB_OP_SYNCHRONIZE:
    case VGPU_STUB_OP_MEMORY_FREE_ALL:
        return true;
    default:
        return false;
    }
}

bool operations_execute(const Call *call, Reply *reply)
{
    *reply = (Reply) { .status = VGPU_STUB_ERR_NONE };

    if (operations_need_accelerator(call->opcode)) {
        return false;
    }
    switch (call->opcode) {
    case VGPU_STUB_OP_NOP:
        nop(call, reply);
        break;
    case VGPU_STUB_OP_ECHO:
        echo(call, reply);
        break;
    default:
        reply_error(reply, VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                    "the operation is not supported");
    }
    return true;
}
