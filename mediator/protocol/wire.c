/*
 * The messages of the device <-> mediator protocol, as bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "wire.h"

#include "pool-id.h"

#include <string.h>

G_DEFINE_QUARK(wire-error-quark, wire_error)

bool wire_violation(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(WIRE_ERROR,
                                                WIRE_ERROR_VIOLATION, format,
                                                args));
    va_end(args);
    return false;
}

gssize wire_decode(const uint8_t *bytes, size_t size, WireHeader *header,
                   GError **error)
{
    WireHeader raw;

    if (size < sizeof(raw)) {
        return 0;
    }
    memcpy(&raw, bytes, sizeof(raw));
    *header = (WireHeader) {
        .magic = GUINT32_FROM_LE(raw.magic),
        .version = GUINT16_FROM_LE(raw.version),
        .type = GUINT16_FROM_LE(raw.type),
        .length = GUINT32_FROM_LE(raw.length),
        .request_id = GUINT32_FROM_LE(raw.request_id),
        .sequence = GUINT64_FROM_LE(raw.sequence),
        .status = GUINT32_FROM_LE(raw.status),
        .flags = GUINT32_FROM_LE(raw.flags),
    };

    if (header->magic != VGPU_STUB_WIRE_MAGIC) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "magic 0x%08x, not 0x%08x", header->magic,
                    VGPU_STUB_WIRE_MAGIC);
        return -1;
    }
    if (header->version != VGPU_STUB_WIRE_VERSION) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "wire version %u, not %u", header->version,
                    VGPU_STUB_WIRE_VERSION);
        return -1;
    }
    if (header->length > VGPU_STUB_WIRE_MAX_PAYLOAD) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "payload of %u bytes, at most %u are allowed",
                    header->length, VGPU_STUB_WIRE_MAX_PAYLOAD);
        return -1;
    }
    if (size - sizeof(raw) < header->length) {
        return 0;
    }
    return sizeof(raw) + header->length;
}

void wire_append_parts(GByteArray *out, const WireHeader *header,
                       const void *head, size_t size, const void *body)
{
    const WireHeader raw = {
        .magic = GUINT32_TO_LE(VGPU_STUB_WIRE_MAGIC),
        .version = GUINT16_TO_LE(VGPU_STUB_WIRE_VERSION),
        .type = GUINT16_TO_LE(header->type),
        .length = GUINT32_TO_LE(header->length),
        .request_id = GUINT32_TO_LE(header->request_id),
        .sequence = GUINT64_TO_LE(header->sequence),
        .status = GUINT32_TO_LE(header->status),
        .flags = GUINT32_TO_LE(header->flags),
    };

    g_assert(header->length <= VGPU_STUB_WIRE_MAX_PAYLOAD);
    g_byte_array_append(out, (const uint8_t *)&raw, sizeof(raw));
    if (size > 0) {
        g_byte_array_append(out, head, size);
    }
    if (header->length > size) {
        g_byte_array_append(out, body, header->length - size);
    }
}

void wire_append(GByteArray *out, const WireHeader *header,
                 const void *payload)
{
    wire_append_parts(out, header, payload, header->length, NULL);
}

void wire_append_answer(GByteArray *out, const WireHeader *to, uint16_t type,
                        uint32_t status, const void *payload, size_t length)
{
    const WireHeader header = {
        .type = type,
        .length = length,
        .request_id = to->request_id,
        .sequence = to->sequence,
        .status = status,
    };

    wire_append(out, &header, payload);
}

static bool check_size(const char *name, size_t length, size_t wanted,
                       GError **error)
{
    if (length != wanted) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "%s of %zu bytes, not %zu", name, length, wanted);
        return false;
    }
    return true;
}

bool wire_decode_hello(const uint8_t *payload, size_t length,
                       WireHello *hello, uint32_t *status, GError **error)
{
    if (!check_size("HELLO", length, sizeof(*hello), error)) {
        return false;
    }
    memcpy(hello, payload, sizeof(*hello));
    hello->protocol_version = GUINT32_FROM_LE(hello->protocol_version);
    hello->capabilities = GUINT32_FROM_LE(hello->capabilities);
    hello->vm_id = GUINT32_FROM_LE(hello->vm_id);

    if (hello->protocol_version >> 16 != VGPU_STUB_PROTOCOL_VERSION >> 16) {
        *status = VGPU_STUB_ERR_PROTOCOL_ERROR;
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_REJECTED,
                    "protocol version %u.%u, major version %u is served",
                    hello->protocol_version >> 16,
                    hello->protocol_version & 0xFFFF,
                    VGPU_STUB_PROTOCOL_VERSION >> 16);
        return false;
    }
    if (!pool_is_letter(hello->pool)) {
        *status = VGPU_STUB_ERR_INVALID_POOL;
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_REJECTED,
                    "pool 0x%02x, 0x%02x (A) and 0x%02x (B) are served",
                    hello->pool, VGPU_STUB_POOL_A, VGPU_STUB_POOL_B);
        return false;
    }
    if (hello->priority > VGPU_STUB_PRIORITY_HIGH) {
        *status = VGPU_STUB_ERR_PROTOCOL_ERROR;
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_REJECTED,
                    "priority %u, %u (low) to %u (high) are served",
                    hello->priority, VGPU_STUB_PRIORITY_LOW,
                    VGPU_STUB_PRIORITY_HIGH);
        return false;
    }
    return true;
}

uint32_t wire_accepted_version(uint32_t version)
{
    return MIN(version, VGPU_STUB_WIRE_QUEUE);
}

bool wire_decode_context(const char *name, const uint8_t *payload,
                         size_t length, uint64_t *context, GError **error)
{
    struct vgpu_stub_wire_context raw;

    if (!check_size(name, length, sizeof(raw), error)) {
        return false;
    }
    memcpy(&raw, payload, sizeof(raw));
    for (size_t i = 0; i < G_N_ELEMENTS(raw.reserved); i++) {
        if (raw.reserved[i] != 0) {
            g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                        "%s with a reserved field that is not 0", name);
            return false;
        }
    }
    *context = GUINT64_FROM_LE(raw.context);
    return true;
}

bool wire_decode_qrequest(const uint8_t *payload, size_t length,
                          WireQrequest *request, GError **error)
{
    WireQrequest raw;

    if (!check_size("QREQUEST", length, sizeof(raw), error)) {
        return false;
    }
    memcpy(&raw, payload, sizeof(raw));
    *request = (WireQrequest) {
        .context = GUINT64_FROM_LE(raw.context),
        .order = GUINT32_FROM_LE(raw.order),
        .place = GUINT32_FROM_LE(raw.place),
        .request_length = GUINT32_FROM_LE(raw.request_length),
        .response_capacity = GUINT32_FROM_LE(raw.response_capacity),
        .bulk_length = GUINT32_FROM_LE(raw.bulk_length),
        .flags = GUINT32_FROM_LE(raw.flags),
    };
    return true;
}

struct vgpu_stub_wire_welcome wire_welcome(uint32_t accepted_version)
{
    return (struct vgpu_stub_wire_welcome) {
        .accepted_version = GUINT32_TO_LE(accepted_version),
        .max_payload = GUINT32_TO_LE(VGPU_STUB_WIRE_MAX_PAYLOAD),
    };
}

struct vgpu_stub_wire_context wire_context(uint64_t context)
{
    return (struct vgpu_stub_wire_context) {
        .context = GUINT64_TO_LE(context),
    };
}

struct vgpu_stub_wire_arena wire_arena(uint64_t context, uint32_t small,
                                       uint32_t large)
{
    return (struct vgpu_stub_wire_arena) {
        .context = GUINT64_TO_LE(context),
        .bytes = GUINT64_TO_LE(VGPU_STUB_ARENA_BYTES(small, large)),
        .small = GUINT32_TO_LE(small),
        .large = GUINT32_TO_LE(large),
    };
}

struct vgpu_stub_wire_qresponse wire_qresponse(uint64_t context,
                                               uint32_t response_length,
                                               uint32_t bulk_moved)
{
    return (struct vgpu_stub_wire_qresponse) {
        .context = GUINT64_TO_LE(context),
        .response_length = GUINT32_TO_LE(response_length),
        .bulk_moved = GUINT32_TO_LE(bulk_moved),
    };
}

char *wire_format_uuid(const uint8_t uuid[16])
{
    GString *text = g_string_sized_new(36);

    for (int i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;

        g_string_append_printf(text, "%s%02x", dash ? "-" : "", uuid[i]);
    }
    return g_string_free(text, FALSE);
}
