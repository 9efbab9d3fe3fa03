/*
 * A guest's request on its way through the mediator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "request.h"

#include <string.h>

struct Request {
    WireHeader header;
    RequestAnswer answer;       /* NULL once abandoned or answered */
    gpointer asker;
    RequestAbandoned abandoned; /* or NULL */
    gpointer holder;
    Arena *arena;               /* NULL of a mailbox's */
    WireQrequest queued;
    uint8_t payload[];          /* of a mailbox's */
};

static Request *request_alloc(const WireHeader *header, size_t size,
                              RequestAnswer answer, gpointer asker)
{
    Request *request = g_malloc(sizeof(*request) + size);

    request->header = *header;
    request->answer = answer;
    request->asker = asker;
    request->abandoned = NULL;
    request->arena = NULL;
    return request;
}

Request *request_new(const WireHeader *header, const uint8_t *payload,
                     RequestAnswer answer, gpointer asker)
{
    Request *request = request_alloc(header, header->length, answer, asker);

    memcpy(request->payload, payload, header->length);
    return request;
}

Request *request_new_queued(const WireHeader *header, Arena *arena,
                            const WireQrequest *queued, RequestAnswer answer,
                            gpointer asker)
{
    Request *request = request_alloc(header, 0, answer, asker);

    request->arena = arena_ref(arena);
    request->queued = *queued;
    return request;
}

static void request_free(Request *request)
{
    if (request->arena != NULL) {
        arena_unref(request->arena);
    }
    g_free(request);
}

const WireHeader *request_header(const Request *request)
{
    return &request->header;
}

const WireQrequest *request_queued(const Request *request)
{
    return request->arena != NULL ? &request->queued : NULL;
}

const uint8_t *request_payload(const Request *request)
{
    g_assert(request->arena == NULL);
    return request->payload;
}

size_t request_copy(const Request *request, uint8_t *bytes, size_t size)
{
    size = MIN(size, request->queued.request_length);
    memcpy(bytes, arena_request(request->arena, request->queued.place), size);
    return size;
}

size_t request_capacity(const Request *request)
{
    return request->arena != NULL ? request->queued.response_capacity
                                  : VGPU_STUB_MAX_RESPONSE;
}

void request_on_abandon(Request *request, RequestAbandoned abandoned,
                        gpointer holder)
{
    request->abandoned = abandoned;
    request->holder = holder;
}

void request_cancel(Request *request)
{
    if (request->abandoned != NULL) {
        request->abandoned(request->holder);
    }
}

void request_abandon(Request *request)
{
    if (request->answer != NULL) {
        request->answer = NULL;
        request_cancel(request);
    }
}

/* Tell who asked; that frees it. */
static void request_end(Request *request, uint32_t status,
                        const void *payload, size_t length)
{
    RequestAnswer answer = request->answer;

    /* It may abandon what it has the answer to; that means nothing. */
    request->answer = NULL;
    if (answer != NULL) {
        answer(request->asker, &request->header, status, payload, length);
    }
    request_free(request);
}

void request_complete(Request *request, uint32_t status, const void *payload,
                      size_t length)
{
    g_assert(length <= request_capacity(request));
    if (request->arena == NULL) {
        request_end(request, status, payload, length);
        return;
    }
    memcpy(arena_response(request->arena, request->queued.place), payload,
           length);
    request_complete_in_place(request, status, length, 0);
}

void request_complete_in_place(Request *request, uint32_t status,
                               uint32_t length, uint32_t bulk_moved)
{
    const struct vgpu_stub_wire_qresponse response =
        wire_qresponse(request->queued.context, length, bulk_moved);

    g_assert(length <= request_capacity(request));
    request_end(request, status, &response, sizeof(response));
}

void request_reply(Request *request, Reply *reply)
{
    uint8_t response[VGPU_STUB_QUEUE_RESPONSE_MAX];
    const size_t length = reply_encode(reply, 0, response);

    request_complete(request, reply->status, response, length);
}
