/*
 * The messages between QEMU's sst-device and a simulator, as bytes
 *
 * Pure functions: no I/O and no state. The layouts are in
 * include/sst-mmio-wire.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_PROTOCOL_H
#define SST_SIM_PROTOCOL_H

#include <glib.h>
#include <stdbool.h>

#include "sst-mmio-wire.h"

typedef enum WireFormat {
    WIRE_GUIDE,
    WIRE_ACALSIM,
} WireFormat;

extern const char *const wire_format_names[];  /* NULL-terminated */

typedef enum RequestKind {
    REQUEST_ACCESS,
    REQUEST_IDLE,               /* has no response */
} RequestKind;

typedef struct Request {
    RequestKind kind;

    /* An access */
    bool write;
    unsigned size;              /* bytes: 1, 2, 4 or 8 */
    guint64 address;
    guint64 data;

    /* Processors wait for an interrupt. */
    guint64 ns;                 /* at most; SST_MMIO_IDLE_NEVER for no limit */
    guint64 interrupts;         /* messages that QEMU has had */
} Request;

typedef struct Response {
    bool ok;
    guint64 data;
    guint32 latency;            /* cycles; format acalsim has no place for it */
} Response;

#define WIRE_ERROR wire_error_quark()
GQuark wire_error_quark(void);

typedef enum WireError {
    WIRE_ERROR_VIOLATION,       /* no sst-device sends this */
} WireError;

/* Bytes of a request */
size_t wire_request_size(WireFormat format);

/*
 * Decode the wire_request_size() bytes at @bytes.
 * Returns false and WIRE_ERROR_VIOLATION when that is no request.
 */
bool wire_decode_request(WireFormat format, const guint8 *bytes,
                         Request *request, GError **error);

void wire_append_response(WireFormat format, GByteArray *out,
                          const Response *response);

/* Whether a format has messages for interrupts and idle processors */
bool wire_has_interrupts(WireFormat format);

/* The line of the device at @address; only in formats that have it. */
void wire_append_interrupt(GByteArray *out, guint64 address, bool level);

#endif /* SST_SIM_PROTOCOL_H */
