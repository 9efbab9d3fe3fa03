/*
 * The messages between QEMU's sst-device and a simulator, as bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "protocol.h"

#include <string.h>

const char *const wire_format_names[] = {
    [WIRE_GUIDE] = "guide",
    [WIRE_ACALSIM] = "acalsim",
    NULL
};

G_DEFINE_QUARK(sst-wire-error-quark, wire_error)

size_t wire_request_size(WireFormat format)
{
    return format == WIRE_GUIDE ? sizeof(struct sst_mmio_guide_request)
                                : sizeof(struct sst_mmio_acalsim_request);
}

/* Fill in what both formats have. */
static bool request_set(Request *request, guint32 type, guint32 size,
                        guint64 address, guint64 data, GError **error)
{
    if (type != SST_MMIO_READ && type != SST_MMIO_WRITE) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "type %u, not %u (read) or %u (write)", type,
                    SST_MMIO_READ, SST_MMIO_WRITE);
        return false;
    }
    if (size != 1 && size != 2 && size != 4 && size != 8) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "size %u, not 1, 2, 4 or 8", size);
        return false;
    }
    *request = (Request) {
        .kind = REQUEST_ACCESS,
        .write = type == SST_MMIO_WRITE,
        .size = size,
        .address = GUINT64_FROM_LE(address),
        .data = GUINT64_FROM_LE(data),
    };
    return true;
}

static bool decode_guide(const guint8 *bytes, Request *request, GError **error)
{
    struct sst_mmio_guide_request raw;

    memcpy(&raw, bytes, sizeof(raw));
    if (GUINT32_FROM_LE(raw.magic) != SST_MMIO_REQUEST_MAGIC) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "magic 0x%08x, not 0x%08x", GUINT32_FROM_LE(raw.magic),
                    SST_MMIO_REQUEST_MAGIC);
        return false;
    }
    if (GUINT32_FROM_LE(raw.type) == SST_MMIO_IDLE && raw.size == 0) {
        *request = (Request) {
            .kind = REQUEST_IDLE,
            .ns = GUINT64_FROM_LE(raw.address),
            .interrupts = GUINT64_FROM_LE(raw.data),
        };
        return true;
    }
    return request_set(request, GUINT32_FROM_LE(raw.type),
                       GUINT32_FROM_LE(raw.size), raw.address, raw.data,
                       error);
}

static bool decode_acalsim(const guint8 *bytes, Request *request,
                           GError **error)
{
    struct sst_mmio_acalsim_request raw;

    memcpy(&raw, bytes, sizeof(raw));
    if (raw.reserved != 0) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "reserved bytes 0x%04x, not 0",
                    GUINT16_FROM_LE(raw.reserved));
        return false;
    }
    return request_set(request, raw.type, raw.size, raw.address, raw.data,
                       error);
}

bool wire_decode_request(WireFormat format, const guint8 *bytes,
                         Request *request, GError **error)
{
    return format == WIRE_GUIDE ? decode_guide(bytes, request, error)
                                : decode_acalsim(bytes, request, error);
}

void wire_append_response(WireFormat format, GByteArray *out,
                          const Response *response)
{
    const struct sst_mmio_guide_response guide = {
        .magic = GUINT32_TO_LE(SST_MMIO_RESPONSE_MAGIC),
        .status = GUINT32_TO_LE(response->ok ? SST_MMIO_STATUS_OK
                                             : SST_MMIO_STATUS_ERROR),
        .data = GUINT64_TO_LE(response->data),
        .latency = GUINT32_TO_LE(response->latency),
    };
    const struct sst_mmio_acalsim_response acalsim = {
        .success = response->ok ? SST_MMIO_SUCCESS : 0,
        .data = GUINT64_TO_LE(response->data),
    };

    if (format == WIRE_GUIDE) {
        g_byte_array_append(out, (const guint8 *)&guide, sizeof(guide));
    } else {
        g_byte_array_append(out, (const guint8 *)&acalsim, sizeof(acalsim));
    }
}

bool wire_has_interrupts(WireFormat format)
{
    return format == WIRE_GUIDE;
}

void wire_append_interrupt(GByteArray *out, guint64 address, bool level)
{
    const struct sst_mmio_guide_interrupt message = {
        .magic = GUINT32_TO_LE(SST_MMIO_INTERRUPT_MAGIC),
        .level = GUINT32_TO_LE(level),
        .address = GUINT64_TO_LE(address),
    };

    g_byte_array_append(out, (const guint8 *)&message, sizeof(message));
}
