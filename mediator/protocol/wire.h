/*
 * The messages of the device <-> mediator protocol, as bytes
 *
 * Pure functions: no I/O and no state. The specification is
 * docs/wire-protocol.md, the layouts are in include/vgpu-stub-wire.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WIRE_H
#define MEDIATOR_WIRE_H

#include <glib.h>
#include <stdbool.h>

#include "vgpu-stub-wire.h"

/* In host byte order, once decoded */
typedef struct vgpu_stub_wire_header WireHeader;
typedef struct vgpu_stub_wire_hello WireHello;
typedef struct vgpu_stub_wire_qrequest WireQrequest;

#define WIRE_MAX_MESSAGE (sizeof(WireHeader) + VGPU_STUB_WIRE_MAX_PAYLOAD)

#define WIRE_ERROR wire_error_quark()
GQuark wire_error_quark(void);

typedef enum WireError {
    WIRE_ERROR_VIOLATION,       /* the peer broke the protocol */
    WIRE_ERROR_REJECTED,        /* the peer is not one that we serve */
} WireError;

/* Sets @error, a WIRE_ERROR_VIOLATION, and returns false. */
bool wire_violation(GError **error, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/*
 * Decode the message that begins a stream of @size bytes. Magic, version and
 * length are checked as soon as the header is there. The payload follows the
 * header in @bytes.
 *
 * Returns the size of the whole message in bytes, 0 when part of it is still
 * to come, or -1 and WIRE_ERROR_VIOLATION.
 */
gssize wire_decode(const uint8_t *bytes, size_t size, WireHeader *header,
                   GError **error);

/*
 * Append a message to @out. Magic and version of @header don't matter;
 * @payload are header->length bytes, at most VGPU_STUB_WIRE_MAX_PAYLOAD; NULL
 * is allowed when that is 0.
 */
void wire_append(GByteArray *out, const WireHeader *header,
                 const void *payload);

/* The same; the payload begins with the @size bytes of @head, then @body. */
void wire_append_parts(GByteArray *out, const WireHeader *header,
                       const void *head, size_t size, const void *body);

/*
 * Append a message to @out that answers the one whose header is @to: it has
 * the same request_id and sequence. @payload are @length bytes, at most
 * VGPU_STUB_WIRE_MAX_PAYLOAD; NULL is allowed when @length is 0.
 */
void wire_append_answer(GByteArray *out, const WireHeader *to, uint16_t type,
                        uint32_t status, const void *payload, size_t length);

/*
 * Decode and validate the HELLO in @payload.
 *
 * Errors: WIRE_ERROR_VIOLATION when its size is wrong; WIRE_ERROR_REJECTED
 * when it is of a device that cannot be served, and @status is then the
 * VGPU_STUB_ERR_… to reject it with.
 */
bool wire_decode_hello(const uint8_t *payload, size_t length,
                       WireHello *hello, uint32_t *status, GError **error);

/* The version in which a device is served whose HELLO says @version */
uint32_t wire_accepted_version(uint32_t version);

/*
 * Decode the payload of a queue's message, called @name, or of a QREQUEST.
 *
 * Errors: WIRE_ERROR_VIOLATION when its size is wrong or a reserved field is not
 * 0. What a QREQUEST says is not looked at.
 */
bool wire_decode_context(const char *name, const uint8_t *payload,
                         size_t length, uint64_t *context, GError **error);
bool wire_decode_qrequest(const uint8_t *payload, size_t length,
                          WireQrequest *request, GError **error);

/* Payloads of this mediator's messages, in wire byte order */
struct vgpu_stub_wire_welcome wire_welcome(uint32_t accepted_version);
struct vgpu_stub_wire_context wire_context(uint64_t context);
struct vgpu_stub_wire_arena wire_arena(uint64_t context, uint32_t small,
                                       uint32_t large);
struct vgpu_stub_wire_qresponse wire_qresponse(uint64_t context,
                                               uint32_t response_length,
                                               uint32_t bulk_moved);

/* A UUID as text; to be freed with g_free(). */
char *wire_format_uuid(const uint8_t uuid[16]);

#endif /* MEDIATOR_WIRE_H */
