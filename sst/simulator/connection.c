/*
 * A QEMU that is connected to a bus
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection.h"

#include <string.h>

/* Requests that are taken at once, where writes are posted */
#define BATCH 128

/* Bytes that are kept for a QEMU that does not take them. What changes beyond
 * that, others on the same socket can do without end. */
#define MAX_UNSENT (64 * 1024)

#define PS_PER_NS 1000

struct Connection {
    GSocket *socket;
    Bus *bus;
    const ConnectionOps *ops;
    gpointer opaque;

    GSource *source;            /* waits for requests, or for room to answer */
    GIOCondition waits_for;
    guint8 in[BATCH * sizeof(struct sst_mmio_guide_request)];
    size_t in_length;
    GByteArray *out;            /* answers that are not sent yet: none more are
                                 * made while there are some */

    guint64 interrupts;         /* messages sent */
    GHashTable *untold;         /* Device: lines that have changed when there
                                 * was no room in `out` to say so */
    bool idle;
    guint64 idle_until;         /* when idle */
};

static gboolean connection_ready(GSocket *socket, GIOCondition condition,
                                 gpointer opaque);

static void connection_wait(Connection *connection, GIOCondition condition)
{
    if (connection->source != NULL) {
        g_source_destroy(connection->source);
        g_source_unref(connection->source);
    }
    connection->waits_for = condition;
    connection->source = g_socket_create_source(connection->socket, condition,
                                                NULL);
    g_source_set_callback(connection->source,
                          G_SOURCE_FUNC(connection_ready), connection, NULL);
    g_source_attach(connection->source, NULL);
}

static void connection_tell(Connection *connection, const Device *device,
                            bool level)
{
    wire_append_interrupt(connection->out, device->base, level);
    connection->interrupts++;
}

/* However often these lines have changed, that was an edge at least. */
static void connection_tell_untold(Connection *connection)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, connection->untold);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Device *device = key;

        connection_tell(connection, device, !device->level);
        connection_tell(connection, device, device->level);
    }
    g_hash_table_remove_all(connection->untold);
}

/* Send what is in `out`, as far as that is possible now. */
static bool connection_flush(Connection *connection, GError **error)
{
    g_autoptr(GError) reason = NULL;
    gssize sent;

    if (connection->out->len == 0) {
        return true;
    }
    sent = g_socket_send(connection->socket,
                         (const char *)connection->out->data,
                         connection->out->len, NULL, &reason);
    if (sent < 0) {
        if (g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
            return true;
        }
        g_propagate_error(error, g_steal_pointer(&reason));
        return false;
    }
    g_byte_array_remove_range(connection->out, 0, sent);
    if (connection->out->len == 0) {
        connection_tell_untold(connection);
    }
    return true;
}

static void connection_become_idle(Connection *connection,
                                   const Request *request)
{
    guint64 now = event_queue_now(connection->bus->queue);

    /* An interrupt that it has not seen yet will end that. */
    if (request->interrupts != connection->interrupts) {
        return;
    }
    connection->idle = true;
    connection->idle_until = request->ns > (EVENT_NEVER - now) / PS_PER_NS
                           ? EVENT_NEVER : now + request->ns * PS_PER_NS;
    connection->ops->idle(connection->opaque);
}

static void connection_act(Connection *connection, const Request *request)
{
    Response response;

    if (request->kind == REQUEST_IDLE) {
        connection_become_idle(connection, request);
        return;
    }
    connection->idle = false;
    response = bus_access(connection->bus, request);
    wire_append_response(connection->bus->format, connection->out, &response);
}

/* Answer the requests that are in `in`. */
static bool connection_answer(Connection *connection, GError **error)
{
    WireFormat format = connection->bus->format;
    size_t size = wire_request_size(format);
    size_t done = 0;
    bool ok = true;

    while (ok && connection->in_length - done >= size) {
        Request request;

        ok = wire_decode_request(format, connection->in + done, &request,
                                 error);
        if (ok) {
            connection_act(connection, &request);
            done += size;
        }
    }
    connection->in_length -= done;
    memmove(connection->in, connection->in + done, connection->in_length);
    return ok;
}

/* Returns false without @error when QEMU has ended the connection. */
static bool connection_receive(Connection *connection, GError **error)
{
    g_autoptr(GError) reason = NULL;
    gssize got = g_socket_receive(
        connection->socket, (char *)connection->in + connection->in_length,
        sizeof(connection->in) - connection->in_length, NULL, &reason);

    if (got < 0) {
        if (g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
            return true;
        }
        g_propagate_error(error, g_steal_pointer(&reason));
        return false;
    }
    connection->in_length += got;
    return got > 0;
}

static bool connection_serve(Connection *connection, GError **error)
{
    GIOCondition next;
    bool ok = connection->out->len > 0 ||
              (connection_receive(connection, error) &&
               connection_answer(connection, error));

    /* What came before something wrong is answered all the same. */
    if (!connection_flush(connection, ok ? error : NULL) || !ok) {
        return false;
    }
    next = connection->out->len > 0 ? G_IO_OUT : G_IO_IN;
    if (connection->waits_for != next) {
        connection_wait(connection, next);
    }
    return true;
}

static gboolean connection_ready(GSocket *socket G_GNUC_UNUSED,
                                 GIOCondition condition G_GNUC_UNUSED,
                                 gpointer opaque)
{
    Connection *connection = opaque;
    g_autoptr(GError) error = NULL;

    if (connection_serve(connection, &error)) {
        return G_SOURCE_CONTINUE;
    }
    if (error != NULL) {
        g_warning("%s: connection ended: %s", connection->bus->path,
                  error->message);
    }
    connection->ops->closed(connection, connection->opaque);
    return G_SOURCE_REMOVE;
}

Connection *connection_new(GSocket *socket, Bus *bus, const ConnectionOps *ops,
                           gpointer opaque)
{
    Connection *connection = g_new(Connection, 1);

    *connection = (Connection) {
        .socket = g_object_ref(socket),
        .bus = bus,
        .ops = ops,
        .opaque = opaque,
        .out = g_byte_array_new(),
        .untold = g_hash_table_new(NULL, NULL),
    };
    g_socket_set_blocking(socket, FALSE);
    connection_wait(connection, G_IO_IN);
    return connection;
}

void connection_interrupt(Connection *connection, const Device *device)
{
    if (connection->out->len < MAX_UNSENT) {
        connection_tell(connection, device, device->level);
    } else {
        g_hash_table_add(connection->untold, (gpointer)device);
    }
    connection->idle = false;
    if (connection->waits_for != G_IO_OUT) {
        connection_wait(connection, G_IO_OUT);
    }
}

bool connection_idle(const Connection *connection, guint64 *until)
{
    if (connection->idle) {
        *until = MIN(*until, connection->idle_until);
    }
    return connection->idle;
}

void connection_end_idle(Connection *connection)
{
    connection->idle = false;
}

void connection_free(Connection *connection)
{
    g_source_destroy(connection->source);
    g_source_unref(connection->source);
    g_socket_close(connection->socket, NULL);
    g_object_unref(connection->socket);
    g_hash_table_unref(connection->untold);
    g_byte_array_unref(connection->out);
    g_free(connection);
}
