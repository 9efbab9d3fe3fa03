/*
 * The operations: who executes them, and those that need no accelerator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "operations.h"

static void nop(const Call *call G_GNUC_UNUSED, Reply *reply G_GNUC_UNUSED)
{
}

static void echo(const Call *call, Reply *reply)
{
    reply_append_results(reply, call->params, call->param_count);
    reply_append_data(reply, call->data, call->data_length);
}

#define HERE(name, function, params, data, traits) \
    { VGPU_STUB_OP_##name, params, data, traits, function },

static const struct {
    uint32_t opcode;
    uint32_t params;
    bool data;                  /* may there be some? */
    uint32_t traits;            /* OPERATION_… */
    void (*execute)(const Call *call, Reply *reply);
} operations[] = {
    OPERATIONS_OF_MEDIATOR(HERE)
};

#define OPCODE(name, function, params, data, traits) VGPU_STUB_OP_##name,

bool operations_need_accelerator(uint32_t opcode)
{
    static const uint32_t opcodes[] = { OPERATIONS_OF_WORKER(OPCODE) };

    for (size_t i = 0; i < G_N_ELEMENTS(opcodes); i++) {
        if (opcodes[i] == opcode) {
            return true;
        }
    }
    return false;
}

static bool is_params(uint32_t params, const Call *call)
{
    return params == OPERATION_ANY_PARAMS || params == call->param_count;
}

bool operations_execute(const Call *call, uint32_t flags, Reply *reply)
{
    const char *why;

    if (operations_need_accelerator(call->opcode)) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (operations[i].opcode != call->opcode) {
            continue;
        }
        why = operation_refusal(operations[i].traits, flags);
        if (why != NULL) {
            reply_error(reply, VGPU_STUB_ERR_INVALID_REQUEST, why);
        } else if (is_params(operations[i].params, call) &&
                   (operations[i].data || call->data_length == 0)) {
            operations[i].execute(call, reply);
        } else {
            reply_error(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                        "the operation takes no params and no data");
        }
        return true;
    }
    reply_error(reply, VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                "the operation is not supported");
    return true;
}
