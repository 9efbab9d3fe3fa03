/*
 * libvgpu-stub: what a response says
 *
 * SPDX-License-Identifier: MIT
 */
#include "vgpu-stub.h"

#include <errno.h>

#include "sized.h"

static int parse(const uint8_t *data, size_t length,
                 struct vgpu_stub_reply *reply)
{
    struct vgpu_stub_response response;
    size_t results;

    if (length < sizeof(response)) {
        return -EBADMSG;
    }
    memcpy(&response, data, sizeof(response));
    if (response.result_count >
        (length - sizeof(response)) / sizeof(uint32_t)) {
        return -EBADMSG;
    }
    results = sizeof(response) + response.result_count * sizeof(uint32_t);
    if (response.data_length > 0 &&
        (response.data_offset < results ||
         response.data_offset > length ||
         response.data_length > length - response.data_offset)) {
        return -EBADMSG;
    }
    *reply = (struct vgpu_stub_reply) {
        .status = response.status,
        .exec_time_us = response.exec_time_us,
        .result_count = response.result_count,
        .data_length = response.data_length,
        .results = (const uint32_t *)(data + sizeof(response)),
        .data = data +
                (response.data_length > 0 ? response.data_offset : results),
    };
    return 0;
}

int vgpu_stub_parse(const struct vgpu_stub_outcome *outcome,
                    struct vgpu_stub_reply *reply)
{
    return outcome->length > sizeof(outcome->data)
           ? -EBADMSG : parse(outcome->data, outcome->length, reply);
}

int vgpu_stub_parse_answer(const struct vgpu_stub_answer *answer,
                           struct vgpu_stub_reply *reply)
{
    struct vgpu_stub_answer known;
    int rc = SIZED_TAKE(known, answer, data);

    return rc < 0 ? rc : parse(known.data, known.length, reply);
}

/* What the host sends may go to a terminal. */
static char printable(uint8_t c)
{
    return c >= ' ' && c <= '~' ? c : '?';
}

void vgpu_stub_message(const struct vgpu_stub_outcome *outcome,
                       char *text, size_t size)
{
    const char *general = vgpu_stub_error_text(outcome->error_code);
    const uint8_t *sentence = (const uint8_t *)general;
    size_t length = strlen(general);
    struct vgpu_stub_reply reply;

    if (size == 0) {
        return;
    }
    if (outcome->error_code != VGPU_STUB_ERR_NONE &&
        vgpu_stub_parse(outcome, &reply) == 0 && reply.data_length > 0) {
        sentence = reply.data;
        length = reply.data_length;
    }
    if (length > size - 1) {
        length = size - 1;
    }
    for (size_t i = 0; i < length; i++) {
        text[i] = printable(sentence[i]);
    }
    text[length] = '\0';
}
