/*
 * What a request asks for
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

static void get_device_info(const Call *call, Reply *reply);

static const struct {
    uint32_t opcode;
    bool takes_input;           /* params and data, else neither */
    void (*execute)(const Call *call, Reply *reply);
} operations[] = {
    { VGPU_STUB_OP_NOP, false, nop },
    { VGPU_STUB_OP_GET_DEVICE_INFO, false, get_device_info },
    { VGPU_STUB_OP_ECHO, true, echo },
};

static void get_device_info(const Call *call G_GNUC_UNUSED, Reply *reply)
{
    uint32_t accelerators = 0;
    uint32_t opcodes = 0;
    uint32_t results[2];

    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        opcodes |= 1u << operations[i].opcode;
    }
    results[0] = GUINT32_TO_LE(accelerators);
    results[1] = GUINT32_TO_LE(opcodes);
    reply_append_results(reply, results, G_N_ELEMENTS(results));
}

void operations_execute(const Call *call, Reply *reply)
{
    *reply = (Reply) { .status = VGPU_STUB_ERR_NONE };

    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (operations[i].opcode != call->opcode) {
            continue;
        }
        if (!operations[i].takes_input &&
            (call->param_count > 0 || call->data_length > 0)) {
            reply_error(reply, VGPU_STUB_ERR_INVALID_REQUEST,
                        "the operation takes no params and no data");
            return;
        }
        operations[i].execute(call, reply);
        return;
    }
    reply_error(reply, VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                "the operation is not supported");
}
