/*
 * Serves a context: requests in, answers out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "server.h"

#include <gio/gio.h>
#include <string.h>

#include "port.h"

struct Server {
    Port *port;
    SessionLimits limits;       /* for the requests that follow */
    uint64_t told;              /* bytes of memory, as the mediator knows */
    GError *failure;            /* of the port, in server_grant() */
};

Server *server_new(int fd)
{
    Server *server = g_new0(Server, 1);

    server->port = port_new(fd);
    return server;
}

void server_free(Server *server)
{
    port_free(server->port);
    g_clear_error(&server->failure);
    g_free(server);
}

bool server_grant(gpointer opaque, uint64_t held, uint64_t wanted,
                   GError **error)
{
    Server *server = opaque;
    struct worker_grant grant;
    bool granted;

    if (server == NULL) {
        return true;
    }
    if (!port_ask_memory(server->port, held, wanted, &granted, &grant,
                         &server->failure)) {
        g_set_error_literal(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                            "the mediator has gone");
        return false;
    }
    server->told = held + (granted ? wanted : 0);
    if (!granted) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_OUT_OF_MEMORY,
                    "%" G_GUINT64_FORMAT " of this VM's %" G_GUINT64_FORMAT
                    " bytes are left", grant.left, grant.quota);
    }
    return granted;
}

/* Say what the session has freed, or has not made use of. */
static bool tell_memory(Server *server, const Session *session,
                        GError **error)
{
    const struct worker_memory memory = {
        .held = GUINT64_TO_LE(session_memory(session)),
    };
    const WireHeader header = {
        .type = WORKER_MSG_MEMORY, .length = sizeof(memory),
    };

    if (server->told == session_memory(session)) {
        return true;
    }
    server->told = session_memory(session);
    return port_put(server->port, &header, &memory, error);
}

/* Has what was executed ended all? Then without an answer: it is to blame. */
static bool check_failure(Server *server, const Session *session,
                          const Reply *reply, GError **error)
{
    if (server->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&server->failure));
        return false;
    }
    if (session_is_lost(session)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                    "the accelerator failed: %.*s", (int)reply->data_length,
                    (const char *)reply->body);
        return false;
    }
    return true;
}

static bool serve_request(Server *server, Session *session,
                          const PortMessage *message, GError **error)
{
    uint8_t request[VGPU_STUB_MAX_REQUEST], response[VGPU_STUB_MAX_RESPONSE];
    WireHeader header = {
        .type = VGPU_STUB_MSG_RESPONSE,
        .request_id = message->header.request_id,
    };
    gint64 exec_us = 0;
    Reply reply;
    Call call;

    /* The message does not outlive a question for memory. */
    memcpy(request, message->payload, message->header.length);
    reply_init(&reply, sizeof(response));
    if (call_decode(&call, request, message->header.length, &reply)) {
        session_execute(session, &server->limits, &call, &reply, &exec_us);
    }
    if (!check_failure(server, session, &reply, error)) {
        return false;
    }
    header.length = reply_encode(&reply, CLAMP(exec_us, 0, G_MAXUINT32),
                                 response);
    header.status = reply.status;
    return tell_memory(server, session, error) &&
           port_put(server->port, &header, response, error);
}

static void take_limits(Server *server, const PortMessage *message)
{
    struct worker_limits limits;

    memcpy(&limits, message->payload, sizeof(limits));
    server->limits = (SessionLimits) {
        .memory = GUINT64_FROM_LE(limits.memory),
        .others = GUINT64_FROM_LE(limits.others),
        .guest_kernels = GUINT32_FROM_LE(limits.flags) &
                         WORKER_LIMITS_GUEST_KERNELS,
    };
}

static bool obey(Server *server, Session *session,
                 const PortMessage *message, GError **error)
{
    switch (message->header.type) {
    case WORKER_MSG_LIMITS:
        take_limits(server, message);
        return true;
    case VGPU_STUB_MSG_REQUEST:
        return serve_request(server, session, message, error) &&
               port_flush(server->port, error);
    default:
        g_set_error_literal(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                            "a GRANT that nobody has asked for");
        return false;
    }
}

bool server_run(Server *server, Session *session, GError **error)
{
    const WireHeader hello = { .type = VGPU_STUB_MSG_HELLO };
    GError *failure = NULL;
    PortMessage message;

    if (port_put(server->port, &hello, NULL, &failure) &&
        port_flush(server->port, &failure)) {
        while (port_receive(server->port, &message, &failure) &&
               obey(server, session, &message, &failure)) {
        }
    }
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return false;
    }
    return true;
}
