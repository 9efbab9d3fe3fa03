/*
 * A guest's request on its way through the mediator
 *
 * Whoever holds a request completes it exactly once, now or later; that frees
 * it. Who asked may lose interest meanwhile (the request was cancelled, the
 * device has gone): the request is completed all the same, to nobody.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_REQUEST_H
#define MEDIATOR_REQUEST_H

#include "call.h"
#include "wire.h"

typedef struct Request Request;

/* Takes the answer to the asker; see request_complete(). */
typedef void (*RequestAnswer)(gpointer asker, const WireHeader *header,
                              uint32_t status, const void *payload,
                              size_t length);

/*
 * Tells the holder that nobody waits for the answer any more. The request may
 * be completed here.
 */
typedef void (*RequestAbandoned)(gpointer holder);

/* Header and payload, header->length bytes, are copied. */
Request *request_new(const WireHeader *header, const uint8_t *payload,
                     RequestAnswer answer, gpointer asker);

/* Both live with the request; the payload is header->length bytes. */
const WireHeader *request_header(const Request *request);
const uint8_t *request_payload(const Request *request);

/* @abandoned is called as soon as nobody waits for the answer any more. */
void request_on_abandon(Request *request, RequestAbandoned abandoned,
                        gpointer holder);

/*
 * The asker does not wait for the answer any more. The request may be gone
 * when this returns.
 */
void request_abandon(Request *request);

/*
 * Answer the request with a VGPU_STUB_ERR_… and @length bytes, at most
 * VGPU_STUB_MAX_RESPONSE, and free it.
 */
void request_complete(Request *request, uint32_t status, const void *payload,
                      size_t length);

/* The same with @reply of as many, which took no time. */
void request_reply(Request *request, Reply *reply);

#endif /* MEDIATOR_REQUEST_H */
