/*
 * Any bytes that a device may send, as a stream cut anywhere
 *
 * The first byte says how much comes at a time; what is decoded must not depend
 * on that.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "protocol/arena.h"
#include "protocol/wire.h"

#define SMALL 3
#define LARGE 2

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Nothing that an arena has a place for is outside it. */
static void take_place(const WireQrequest *request)
{
    static Arena *arena;
    const uint8_t *end;

    if (arena == NULL) {
        arena = arena_new(SMALL, LARGE, NULL);
    }
    if (!arena_check(arena, request, NULL)) {
        return;
    }
    end = arena_request(arena, 0) + arena_bytes(arena);
    g_assert_true(arena_request(arena, request->place) +
                  request->request_length <=
                  arena_response(arena, request->place));
    g_assert_true(arena_response(arena, request->place) +
                  request->response_capacity <= end);
    g_assert_true(request->bulk_length == 0 ||
                  arena_bulk(arena, request->place) +
                  request->bulk_length <= end);
}

static void take_queue_message(const WireHeader *header,
                               const uint8_t *payload)
{
    g_autoptr(GError) error = NULL;
    WireQrequest request;
    uint64_t context;

    if (wire_decode_context("CONTEXT_OPEN", payload, header->length, &context,
                            &error)) {
        const struct vgpu_stub_wire_context raw = wire_context(context);

        g_assert_true(memcmp(&raw, payload, sizeof(raw)) == 0);
    } else {
        g_assert_nonnull(error);
    }
    if (wire_decode_qrequest(payload, header->length, &request, NULL)) {
        take_place(&request);
    }
}

/* A HELLO is decoded in full, and answered as the daemon does. */
static void take_message(const WireHeader *header, const uint8_t *payload)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    WireHello hello;
    WireHeader answer;
    uint32_t status = VGPU_STUB_ERR_NONE;

    if (wire_decode_hello(payload, header->length, &hello, &status, &error)) {
        g_autofree char *uuid = wire_format_uuid(hello.vm_uuid);

        g_assert_cmpuint(strlen(uuid), ==, 36);
        g_assert_cmpuint(hello.priority, <=, VGPU_STUB_PRIORITY_HIGH);
    } else {
        g_assert_nonnull(error);
    }
    take_queue_message(header, payload);
    wire_append_answer(out, header, VGPU_STUB_MSG_PONG, status, payload,
                       header->length);
    g_assert_cmpint(wire_decode(out->data, out->len, &answer, NULL), ==,
                    out->len);
    g_assert_cmpuint(answer.sequence, ==, header->sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const size_t piece = size > 0 ? bytes[0] + 1 : 1;
    size_t there = 0, done = 0;

    if (size == 0) {
        return 0;
    }
    bytes++;
    size--;
    while (there < size) {
        gssize length;

        there = MIN(there + piece, size);
        do {
            g_autoptr(GError) error = NULL;
            /* In memory of its own, so that a read behind the end shows */
            g_autofree uint8_t *stream = g_malloc(MAX(there - done, 1));
            WireHeader header;

            memcpy(stream, bytes + done, there - done);
            length = wire_decode(stream, there - done, &header, &error);
            if (length < 0) {
                g_assert_nonnull(error);
                return 0;
            }
            if (length > 0) {
                g_assert_cmpuint(length, ==, sizeof(header) + header.length);
                take_message(&header, stream + sizeof(header));
                done += length;
            }
        } while (length > 0);
    }
    return 0;
}
