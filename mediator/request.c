/*
 * A guest's request on its way through the mediator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "request.h"

#include <string.h>

struct Request {
    WireHeader header;
    RequestAnswer answer;       /* NULL once abandoned */
    gpointer asker;
    uint8_t payload[];
};

Request *request_new(const WireHeader *header, const uint8_t *payload,
                     RequestAnswer answer, gpointer asker)
{
    Request *request = g_malloc(sizeof(*request) + header->length);

    request->header = *header;
    request->answer = answer;
    request->asker = asker;
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

void request_abandon(Request *request)
{
    request->answer = NULL;
}

bool request_wanted(const Request *request)
{
    return request->answer != NULL;
}

void request_complete(Request *request, uint32_t status, const void *payload,
                      size_t length)
{
    g_assert(length <= VGPU_STUB_BUF_SIZE);
    if (request_wanted(request)) {
        request->answer(request->asker, &request->header, status, payload,
                        length);
    }
    g_free(request);
}
