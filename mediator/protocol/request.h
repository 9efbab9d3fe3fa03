/*
 * A guest's request on its way through the mediator
 *
 * Whoever holds a request completes it exactly once, now or later; that frees
 * it. Who asked may lose interest meanwhile (the request was cancelled, the
 * device has gone): the request is completed all the same, to nobody.
 *
 * What it carries came with the message, from a mailbox, or is in an arena, from
 * a queue.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_REQUEST_H
#define MEDIATOR_REQUEST_H

#include "arena.h"
#include "call.h"
#include "wire.h"

typedef struct Request Request;

/*
 * Takes the answer to the asker; see request_complete(). @payload, @length bytes,
 * are the response's, or the QRESPONSE's.
 */
typedef void (*RequestAnswer)(gpointer asker, const WireHeader *header,
                              uint32_t status, const void *payload,
                              size_t length);

/*
 * Tells the holder that the request is not wanted any more. It may be completed
 * here.
 */
typedef void (*RequestAbandoned)(gpointer holder);

/* A mailbox's; header and payload, header->length bytes, are copied. */
Request *request_new(const WireHeader *header, const uint8_t *payload,
                     RequestAnswer answer, gpointer asker);

/*
 * A queue's, which is in @arena where @queued says, as arena_check() has found
 * right. Takes a reference to the arena.
 */
Request *request_new_queued(const WireHeader *header, Arena *arena,
                            const WireQrequest *queued, RequestAnswer answer,
                            gpointer asker);

/* It lives with the request. */
const WireHeader *request_header(const Request *request);

/* Where a queue's is, which lives with the request; NULL of a mailbox's */
const WireQrequest *request_queued(const Request *request);

/* A mailbox's, header->length bytes; lives with the request. */
const uint8_t *request_payload(const Request *request);

/* Copy the first @size bytes of a queue's, or all that it has. */
size_t request_copy(const Request *request, uint8_t *bytes, size_t size);

/* Bytes that its response may have */
size_t request_capacity(const Request *request);

/* @abandoned is called as soon as the request is not wanted any more. */
void request_on_abandon(Request *request, RequestAbandoned abandoned,
                        gpointer holder);

/*
 * The asker does not wait for the answer any more. The request may be gone
 * when this returns.
 */
void request_abandon(Request *request);

/* The same, but the asker is told how it has ended. */
void request_cancel(Request *request);

/*
 * Answer the request with a VGPU_STUB_ERR_… and @length bytes, at most
 * request_capacity(), and free it.
 */
void request_complete(Request *request, uint32_t status, const void *payload,
                      size_t length);

/*
 * The same for a queue's request whose response, @length bytes, is in its place
 * already, and of whose bulk @bulk_moved bytes were moved.
 */
void request_complete_in_place(Request *request, uint32_t status,
                               uint32_t length, uint32_t bulk_moved);

/* As request_complete() with @reply of as many, which took no time. */
void request_reply(Request *request, Reply *reply);

#endif /* MEDIATOR_REQUEST_H */
