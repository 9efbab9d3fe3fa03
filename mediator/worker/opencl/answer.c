/*
 * The answer to a batch in the making
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "answer.h"

#include <string.h>

#define HEADER sizeof(struct vgpu_stub_cl_answer)
#define RESULT sizeof(struct vgpu_stub_cl_result)

/* Bytes that @size takes up, so that what follows is where it belongs */
static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

bool cl_answer_init(ClAnswer *answer, size_t room)
{
    /* Nobody looks at payloads that are not written. */
    answer->count = 0;
    answer->used = 0;
    if (room < HEADER) {
        return false;
    }
    answer->room = room - HEADER;
    return true;
}

#define PAYLOAD(name, opcode, structure, tail, payload) [opcode] = payload,

ClResult *cl_answer_add(ClAnswer *answer, const ClCommand *command,
                        uint64_t number)
{
    static const bool has_payload[] = { VGPU_STUB_CL_COMMANDS(PAYLOAD) };
    const bool times = command->flags & VGPU_STUB_CL_FLAG_TIMES;
    ClResult *result = &answer->results[answer->count];

    if (answer->room < RESULT) {
        return NULL;
    }
    answer->room -= RESULT;
    answer->count++;
    *result = (ClResult) {
        .number = number,
        .wanted = has_payload[command->opcode] || times,
        .payload = answer->payloads + answer->used,
    };
    if (times) {
        result->times = cl_answer_payload(answer, sizeof(*result->times));
        if (result->times == NULL) {
            cl_answer_drop(answer);
            return NULL;
        }
        memset(result->times, 0, sizeof(*result->times));
    }
    return result;
}

void cl_answer_drop(ClAnswer *answer)
{
    const ClResult *result = &answer->results[--answer->count];
    const size_t size = padded(result->length);

    answer->used -= size;
    answer->room += RESULT + size;
}

void *cl_answer_payload(ClAnswer *answer, size_t size)
{
    ClResult *result = &answer->results[answer->count - 1];
    uint8_t *end = answer->payloads + answer->used;

    /* What the times before it take up is a multiple of 8. */
    if (size > answer->room || padded(size) > answer->room) {
        return NULL;
    }
    answer->room -= padded(size);
    answer->used += padded(size);
    result->length += size;
    return end;
}

/* With zeros up to where the next result may begin */
static void append_result(const ClResult *result, Reply *reply)
{
    static const uint8_t zeros[8];
    const struct vgpu_stub_cl_result raw = {
        .number = result->number,
        .status = result->status,
        .length = result->length,
    };

    reply_append_data(reply, &raw, sizeof(raw));
    reply_append_data(reply, result->payload, result->length);
    reply_append_data(reply, zeros, padded(result->length) - result->length);
}

void cl_answer_encode(const ClAnswer *answer, uint64_t next,
                      const uint8_t *output, size_t *printed, Reply *reply)
{
    struct vgpu_stub_cl_answer raw = { .next = next };
    size_t used = HEADER;

    for (unsigned i = 0; i < answer->count; i++) {
        const ClResult *result = &answer->results[i];

        if (result->wanted || result->status != 0) {
            raw.results++;
            used += RESULT + padded(result->length);
        }
    }
    *printed = MIN(*printed, reply->room - used);
    raw.output = *printed;
    reply_append_data(reply, &raw, sizeof(raw));
    for (unsigned i = 0; i < answer->count; i++) {
        const ClResult *result = &answer->results[i];

        if (result->wanted || result->status != 0) {
            append_result(result, reply);
        }
    }
    reply_append_data(reply, output, *printed);
}
