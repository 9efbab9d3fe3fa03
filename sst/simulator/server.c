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
};

static void server_forget(Connection *connection, gpointer opaque)
{
    Server *server = opaque;

    g_hash_table_remove(server->connections, connection);
}

static gboolean server_incoming(GSocketService *service G_GNUC_UNUSED,
                                GSocketConnection *stream,
                                GObject *source G_GNUC_UNUSED,
                                gpointer opaque)
{
    Server *server = opaque;
    GSocket *socket = g_socket_connection_get_socket(stream);

    g_hash_table_add(server->connections,
                     connection_new(socket, server->bus, server_forget,
                                    server));
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
    return server;
}

void server_free(Server *server)
{
    g_socket_service_stop(server->service);
    g_socket_listener_close(G_SOCKET_LISTENER(server->service));
    g_object_unref(server->service);
    g_hash_table_unref(server->connections);
    g_unlink(server->bus->path);
    g_free(server);
}
