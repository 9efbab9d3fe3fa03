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
    /* Room for anything between nothing and more than there can be */
    const size_t capacity = MIN(sizeof(struct vgpu_stub_response) +
                                (size > 0 ? bytes[size - 1] * 257 : 0),
                                VGPU_STUB_QUEUE_RESPONSE_MAX);
    g_autofree uint8_t *response = g_malloc(capacity);
    g_autofree uint8_t *request = g_malloc(MAX(size, 1));
    size_t length;
    Reply reply;
    Call call;

    memcpy(request, bytes, size);
    reply_init(&reply, capacity);
    if (call_decode(&call, request, size, &reply)) {
        g_assert_cmpuint(size, <=, VGPU_STUB_QUEUE_REQUEST_MAX);
        g_assert_true(call.params + call.param_count * sizeof(uint32_t) <=
                      request + size);
        g_assert_true(call.data + call.data_length <= request + size);
        operations_execute(&call, size, &reply);
    } else {
        g_assert_cmpuint(reply.status, !=, VGPU_STUB_ERR_NONE);
    }
    length = reply_encode(&reply, 0, response);
    g_assert_cmpuint(length, >=, sizeof(struct vgpu_stub_response));
    g_assert_cmpuint(length, <=, capacity);
    return 0;
}
