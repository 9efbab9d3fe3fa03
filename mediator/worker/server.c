/*
 * Serves a context: requests in, answers out
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "server.h"

#include <gio/gio.h>
#include <string.h>

#include "port.h"
#include "protocol/arena.h"

struct Server {
    Port *port;
    Arena *arena;               /* NULL: it is a mailbox's context, or none yet */
    uint64_t context;           /* that of the arena, as ARENA says */
    SessionLimits limits;       /* for the requests that follow */
    uint64_t told;              /* bytes of memory, as the mediator knows */
    GError *failure;            /* of the port, in server_grant() */
    uint8_t request[VGPU_STUB_QUEUE_REQUEST_MAX];   /* a copy, in the queue */
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
    g_clear_pointer(&server->arena, arena_unref);
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
        session_execute(session, &server->limits, &call, 0, NULL, &reply,
                        &exec_us);
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

static bool violation(const char *what, GError **error)
{
    g_set_error_literal(error, WIRE_ERROR, WIRE_ERROR_VIOLATION, what);
    return false;
}

static bool take_arena(Server *server, const PortMessage *message,
                       GError **error)
{
    struct vgpu_stub_wire_arena raw;
    const int fd = port_take_fd(server->port);

    memcpy(&raw, message->payload, sizeof(raw));
    if (server->arena != NULL || fd < 0) {
        return violation("an ARENA without a descriptor, or a second one",
                         error);
    }
    server->context = raw.context;
    server->arena = arena_map(fd, GUINT32_FROM_LE(raw.small),
                              GUINT32_FROM_LE(raw.large), error);
    return server->arena != NULL;
}

/*
 * Execute the request that is @queued, and put the response, of *@length bytes,
 * into its place. What is in the arena can change at any time: a copy of the
 * request is what is looked at.
 */
static bool execute_queued(Server *server, Session *session,
                           const WireQrequest *queued, SessionBulk *bulk,
                           uint32_t *status, uint32_t *length, GError **error)
{
    gint64 exec_us = 0;
    Reply reply;
    Call call;

    memcpy(server->request, arena_request(server->arena, queued->place),
           queued->request_length);
    reply_init(&reply, queued->response_capacity);
    if (call_decode(&call, server->request, queued->request_length,
                    &reply)) {
        if ((queued->bulk_length > 0 || session_takes_long(call.opcode)) &&
            !port_flush(server->port, error)) {
            return false;
        }
        session_execute(session, &server->limits, &call, queued->flags, bulk,
                        &reply, &exec_us);
    }
    if (!check_failure(server, session, &reply, error)) {
        return false;
    }
    *length = reply_encode(&reply, CLAMP(exec_us, 0, G_MAXUINT32),
                           arena_response(server->arena, queued->place));
    *status = reply.status;
    return true;
}

static bool serve_queued(Server *server, Session *session,
                         const PortMessage *message, GError **error)
{
    WireHeader header = {
        .type = VGPU_STUB_MSG_QRESPONSE,
        .length = sizeof(struct vgpu_stub_wire_qresponse),
        .request_id = message->header.request_id,
    };
    struct vgpu_stub_wire_qresponse response = { .context = server->context };
    SessionBulk bulk = { .length = 0 };
    WireQrequest queued;
    uint32_t length;

    if (server->arena == NULL) {
        return violation("a QREQUEST before ARENA", error);
    }
    if (!wire_decode_qrequest(message->payload, message->header.length,
                              &queued, error) ||
        !arena_check(server->arena, &queued, error)) {
        return false;
    }
    bulk.bytes = arena_bulk(server->arena, queued.place);
    bulk.length = queued.bulk_length;
    if (!execute_queued(server, session, &queued, &bulk, &header.status,
                        &length, error)) {
        return false;
    }
    response.response_length = GUINT32_TO_LE(length);
    response.bulk_moved = GUINT32_TO_LE(bulk.moved);
    return tell_memory(server, session, error) &&
           port_put(server->port, &header, &response, error);
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
    case VGPU_STUB_MSG_ARENA:
        return take_arena(server, message, error);
    case VGPU_STUB_MSG_QREQUEST:
        return serve_queued(server, session, message, error);
    default:
        return violation("a GRANT that nobody has asked for", error);
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
