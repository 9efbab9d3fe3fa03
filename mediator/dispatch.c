/*
 * Where requests wait for their execution
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dispatch.h"

#include "operations.h"

struct Dispatch {
    GQueue waiting;             /* Request */
    guint source;               /* serves `waiting`; 0 while that is empty */
};

static void dispatch_execute(Request *request)
{
    uint8_t response[VGPU_STUB_BUF_SIZE];
    gint64 exec_time_us = 0;
    size_t length;
    Call call;
    Reply reply;

    if (call_decode(&call, request_payload(request),
                    request_header(request)->length, &reply)) {
        gint64 start = g_get_monotonic_time();

        operations_execute(&call, &reply);
        exec_time_us = g_get_monotonic_time() - start;
    }
    length = reply_encode(&reply, MIN(exec_time_us, G_MAXUINT32), response);
    request_complete(request, reply.status, response, length);
}

static void dispatch_serve_all(Dispatch *dispatch)
{
    Request *request;

    while ((request = g_queue_pop_head(&dispatch->waiting)) != NULL) {
        if (request_wanted(request)) {
            dispatch_execute(request);
        } else {
            request_complete(request, VGPU_STUB_ERR_CANCELLED, NULL, 0);
        }
    }
}

static gboolean dispatch_ready(gpointer opaque)
{
    Dispatch *dispatch = opaque;

    dispatch->source = 0;
    dispatch_serve_all(dispatch);
    return G_SOURCE_REMOVE;
}

Dispatch *dispatch_new(void)
{
    return g_new0(Dispatch, 1);
}

void dispatch_free(Dispatch *dispatch)
{
    dispatch_serve_all(dispatch);
    if (dispatch->source != 0) {
        g_source_remove(dispatch->source);
    }
    g_free(dispatch);
}

void dispatch_request(gpointer opaque, Request *request)
{
    Dispatch *dispatch = opaque;

    g_queue_push_tail(&dispatch->waiting, request);
    if (dispatch->source == 0) {
        /* As urgent as the sockets, which might never be idle. */
        dispatch->source = g_idle_add_full(G_PRIORITY_DEFAULT,
                                           dispatch_ready, dispatch, NULL);
    }
}
