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
    uint8_t payload[];
};

Request *request_new(const WireHeader *header, const uint8_t *payload,
                     RequestAnswer answer, gpointer asker)
{
    Request *request = g_malloc(sizeof(*request) + header->length);

    request->header = *header;
    request->answer = answer;
    request->asker = asker;
    request->abandoned = NULL;
    memcpy(request->payload, payload, header->length);
    return request;
}

const WireHeader *request_header(const Request *request)
{
    return &request->header;
}

const uint8_t *request_payload(const Request *request)
{
    return request->payload;
}

void request_on_abandon(Request *request, RequestAbandoned abandoned,
                        gpointer holder)
{
    request->abandoned = abandoned;
    request->holder = holder;
}

void request_abandon(Request *request)
{
    if (request->answer != NULL) {
        request->answer = NULL;
        if (request->abandoned != NULL) {
            request->abandoned(request->holder);
        }
    }
}

void request_complete(Request *request, uint32_t status, const void *payload,
                      size_t length)
{
    RequestAnswer answer = request->answer;

    g_assert(length <= VGPU_STUB_MAX_RESPONSE);
    /* It may abandon what it has the answer to; that means nothing. */
    request->answer = NULL;
    if (answer != NULL) {
        answer(request->asker, &request->header, status, payload, length);
    }
    g_free(request);
}

void request_reply(Request *request, Reply *reply)
{
    uint8_t response[VGPU_STUB_MAX_RESPONSE];
    const size_t length = reply_encode(reply, 0, response);

    request_complete(request, reply->status, response, length);
}
