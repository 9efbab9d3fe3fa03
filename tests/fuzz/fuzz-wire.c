/*
 * Any bytes that a device may send, as a stream cut anywhere
 *
 * The first byte says how much comes at a time; what is decoded must not depend
 * on that.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "protocol/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

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
