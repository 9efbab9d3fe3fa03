/*
 * libvgpu-stub: the ECHO request
 *
 * SPDX-License-Identifier: MIT
 */
#include "vgpu-stub.h"

#include <errno.h>
#include <string.h>

/* Whether the response carries exactly @length bytes of @data. */
static bool carries(const struct vgpu_stub_outcome *outcome,
                    const void *data, size_t length)
{
    struct vgpu_stub_response response;

    if (outcome->length < sizeof(response)) {
        return false;
    }
    memcpy(&response, outcome->data, sizeof(response));
    return response.data_length == length &&
           response.data_offset >= sizeof(response) &&
           response.data_offset <= outcome->length &&
           length <= outcome->length - response.data_offset &&
           memcmp(outcome->data + response.data_offset, data, length) == 0;
}

int vgpu_stub_echo(struct vgpu_stub *dev, const void *data, size_t length,
                   int timeout_ms, struct vgpu_stub_outcome *outcome)
{
    uint8_t buffer[VGPU_STUB_BUF_SIZE];
    struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(request),
        .data_length = length,
    };
    int rc;

    if (length > VGPU_STUB_ECHO_MAX) {
        return -EMSGSIZE;
    }
    memcpy(buffer, &request, sizeof(request));
    memcpy(buffer + sizeof(request), data, length);

    rc = vgpu_stub_call(dev, buffer, sizeof(request) + length, timeout_ms,
                        outcome);
    if (rc == 0 && !carries(outcome, data, length)) {
        return -EBADMSG;
    }
    return rc;
}
