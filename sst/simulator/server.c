/*
 * The socket of a bus
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "server.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "connection.h"

struct Server {
    Bus *bus;
    GSocketService *service;
    GHashTable *connections;    /* Connection */
    ServerIdle on_idle;         /* NULL: nobody is told */
    gpointer on_idle_opaque;
};

static void server_forget(Connection *connection, gpointer opaque)
{
    Server *server = opaque;

    g_hash_table_remove(server->connections, connection);
}

static void server_connection_idle(gpointer opaque)
{
    const Server *server = opaque;

    if (server->on_idle != NULL) {
        server->on_idle(server->on_idle_opaque);
    }
}

static const ConnectionOps server_connection_ops = {
    .closed = server_forget,
    .idle = server_connection_idle,
};

static void server_line_changed(Device *device, gpointer opaque)
{
    const Server *server = opaque;
    GHashTableIter iter;
    gpointer connection;

    g_hash_table_iter_init(&iter, server->connections);
    while (g_hash_table_iter_next(&iter, &connection, NULL)) {
        connection_interrupt(connection, device);
    }
}

static gboolean server_incoming(GSocketService *service G_GNUC_UNUSED,
                                GSocketConnection *stream,
                                GObject *source G_GNUC_UNUSED,
                                gpointer opaque)
{
    Server *server = opaque;
    GSocket *socket = g_socket_connection_get_socket(stream);
    Connection *connection = connection_new(socket, server->bus,
                                            &server_connection_ops, server);

    g_hash_table_add(server->connections, connection);
    for (guint i = 0; i < server->bus->devices->len; i++) {
        const Device *device = g_ptr_array_index(server->bus->devices, i);

        if (device->level) {
            connection_interrupt(connection, device);
        }
    }
    return TRUE;
}

/* Is there somebody who listens at @address? */
static bool answers(GSocketAddress *address)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketConnection) connection =
        g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL,
                                NULL);

    return connection != NULL;
}

/* Remove what a simulator that was killed has left at @path. */
static bool remove_stale(const char *path, GSocketAddress *address,
                         GError **error)
{
    GStatBuf there;

    if (g_lstat(path, &there) != 0) {
        return true;
    }
    if (!S_ISSOCK(there.st_mode)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                    "%s is there already and not a socket", path);
        return false;
    }
    if (answers(address)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                    "another process listens on %s", path);
        return false;
    }
    g_unlink(path);
    return true;
}

/* Only the same user may connect. */
static bool listen_at(GSocketService *service, GSocketAddress *address,
                      GError **error)
{
    mode_t before = umask(077);
    bool ok = g_socket_listener_add_address(G_SOCKET_LISTENER(service),
                                            address, G_SOCKET_TYPE_STREAM,
                                            G_SOCKET_PROTOCOL_DEFAULT, NULL,
                                            NULL, error);

    umask(before);
    return ok;
}

/* Devices outlive the server: NULL when it ends. */
static void server_watch_lines(Server *server, DeviceLineFunc func)
{
    for (guint i = 0; i < server->bus->devices->len; i++) {
        Device *device = g_ptr_array_index(server->bus->devices, i);

        device->line_changed = func;
        device->line_opaque = server;
    }
}

Server *server_new(Bus *bus, GError **error)
{
    g_autoptr(GSocketAddress) address = NULL;
    g_autoptr(GSocketService) service = g_socket_service_new();
    const struct sockaddr_un *limit = NULL;
    Server *server;

    if (strlen(bus->path) >= sizeof(limit->sun_path)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                    "%s: a socket's path has at most %zu bytes", bus->path,
                    sizeof(limit->sun_path) - 1);
        return NULL;
    }
    address = g_unix_socket_address_new(bus->path);
    if (!remove_stale(bus->path, address, error)) {
        return NULL;
    }
    g_socket_listener_set_backlog(G_SOCKET_LISTENER(service), SOMAXCONN);
    if (!listen_at(service, address, error)) {
        g_prefix_error(error, "%s: ", bus->path);
        return NULL;
    }

    server = g_new(Server, 1);
    *server = (Server) {
        .bus = bus,
        .service = g_steal_pointer(&service),
        .connections = g_hash_table_new_full(NULL, NULL,
                           (GDestroyNotify)connection_free, NULL),
    };
    g_signal_connect(server->service, "incoming",
                     G_CALLBACK(server_incoming), server);
    server_watch_lines(server, server_line_changed);
    return server;
}

void server_on_idle(Server *server, ServerIdle func, gpointer opaque)
{
    server->on_idle = func;
    server->on_idle_opaque = opaque;
}

bool server_idle(const Server *server, guint *connections, guint64 *until)
{
    GHashTableIter iter;
    gpointer connection;

    g_hash_table_iter_init(&iter, server->connections);
    while (g_hash_table_iter_next(&iter, &connection, NULL)) {
        if (!connection_idle(connection, until)) {
            return false;
        }
        (*connections)++;
    }
    return true;
}

void server_end_idle(Server *server)
{
    GHashTableIter iter;
    gpointer connection;

    g_hash_table_iter_init(&iter, server->connections);
    while (g_hash_table_iter_next(&iter, &connection, NULL)) {
        connection_end_idle(connection);
    }
}

void server_free(Server *server)
{
    server_watch_lines(server, NULL);
    g_socket_service_stop(server->service);
    g_socket_listener_close(G_SOCKET_LISTENER(server->service));
    g_object_unref(server->service);
    g_hash_table_unref(server->connections);
    g_unlink(server->bus->path);
    g_free(server);
}
