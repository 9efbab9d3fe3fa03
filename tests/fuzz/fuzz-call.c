/*
 * Any bytes that a guest may send as a request
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "protocol/call.h"
#include "protocol/operations.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t response[VGPU_STUB_MAX_RESPONSE];
    g_autofree uint8_t *request = g_malloc(MAX(size, 1));
    size_t length;
    Reply reply;
    Call call;

    memcpy(request, bytes, size);
    if (call_decode(&call, request, size, &reply)) {
        g_assert_cmpuint(size, <=, VGPU_STUB_MAX_RESPONSE);
        g_assert_true(call.params + call.param_count * sizeof(uint32_t) <=
                      request + size);
        g_assert_true(call.data + call.data_length <= request + size);
        operations_execute(&call, &reply);
    } else {
        g_assert_cmpuint(reply.status, !=, VGPU_STUB_ERR_NONE);
    }
    length = reply_encode(&reply, 0, response);
    g_assert_cmpuint(length, >=, sizeof(struct vgpu_stub_response));
    g_assert_cmpuint(length, <=, sizeof(response));
    return 0;
}
