/*
 * The Unix socket through which the operator gives orders
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* accept4() */
#include "admin-socket.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct AdminSocket {
    struct sockaddr_un address;
    int fd;
    guint source;
    AdminHandler handler;
    gpointer opaque;
    GQueue clients;             /* Client, the oldest first */
};

typedef struct Client {
    AdminSocket *admin;
    int fd;
    guint source;
    GString *order;             /* until it is complete */
    GString *answer;            /* what has not been sent of it */
} Client;

static void client_free(gpointer opaque)
{
    Client *client = opaque;

    g_queue_remove(&client->admin->clients, client);
    g_source_remove(client->source);
    g_string_free(client->order, TRUE);
    g_string_free(client->answer, TRUE);
    close(client->fd);
    g_free(client);
}

static gboolean client_send(gint fd, GIOCondition condition G_GNUC_UNUSED,
                            gpointer opaque)
{
    Client *client = opaque;
    ssize_t sent = send(fd, client->answer->str, client->answer->len,
                        MSG_NOSIGNAL);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (sent > 0) {
        g_string_erase(client->answer, 0, sent);
    }
    if (sent < 0 || client->answer->len == 0) {
        client_free(client);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean client_receive(gint fd, GIOCondition condition G_GNUC_UNUSED,
                               gpointer opaque)
{
    Client *client = opaque;
    char bytes[ADMIN_MAX_ORDER];
    ssize_t received = recv(fd, bytes, sizeof(bytes), 0);
    char *end;

    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (received > 0) {
        g_string_append_len(client->order, bytes, received);
    }
    end = memchr(client->order->str, '\n', client->order->len);
    if (end != NULL) {
        *end = '\0';
        client->admin->handler(client->admin->opaque, client->order->str,
                               client->answer);
        g_source_remove(client->source);
        client->source = g_unix_fd_add(fd, G_IO_OUT, client_send, client);
    } else if (received <= 0 || client->order->len >= ADMIN_MAX_ORDER) {
        client_free(client);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean admin_socket_ready(gint fd,
                                   GIOCondition condition G_GNUC_UNUSED,
                                   gpointer opaque)
{
    AdminSocket *admin = opaque;
    int client_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    Client *client;

    if (client_fd < 0) {
        return G_SOURCE_CONTINUE;
    }
    if (admin->clients.length == ADMIN_MAX_CLIENTS) {
        client_free(g_queue_peek_head(&admin->clients));
    }
    client = g_new0(Client, 1);
    client->admin = admin;
    client->fd = client_fd;
    client->order = g_string_new(NULL);
    client->answer = g_string_new(NULL);
    client->source = g_unix_fd_add(client_fd, G_IO_IN, client_receive, client);
    g_queue_push_tail(&admin->clients, client);
    return G_SOURCE_CONTINUE;
}

static bool admin_socket_fail(const char *path, int code, GError **error)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                path, g_strerror(code));
    return false;
}

/* Whether there is a socket that nobody listens at */
static bool is_stale(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct stat there;
    /* Any other file refuses connections, too. */
    bool stale = lstat(address->sun_path, &there) == 0 &&
                 S_ISSOCK(there.st_mode) &&
                 connect(fd, (const struct sockaddr *)address,
                         sizeof(*address)) < 0 && errno == ECONNREFUSED;

    close(fd);
    return stale;
}

static bool admin_socket_listen(AdminSocket *admin, GError **error)
{
    const char *path = admin->address.sun_path;
    const struct sockaddr *address = (const struct sockaddr *)&admin->address;
    mode_t before;
    int result;

    admin->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (admin->fd < 0) {
        return admin_socket_fail(path, errno, error);
    }
    if (is_stale(&admin->address)) {
        g_unlink(path);
    }
    before = umask(0117);
    result = bind(admin->fd, address, sizeof(admin->address));
    umask(before);
    if (result < 0 || listen(admin->fd, SOMAXCONN) < 0) {
        admin_socket_fail(path, errno, error);
        close(admin->fd);
        return false;
    }
    return true;
}

AdminSocket *admin_socket_new(const char *path, AdminHandler handler,
                              gpointer opaque, GError **error)
{
    AdminSocket *admin;

    if (path[0] == '\0' || strlen(path) >= sizeof(admin->address.sun_path)) {
        admin_socket_fail(path, ENAMETOOLONG, error);
        return NULL;
    }
    admin = g_new0(AdminSocket, 1);
    admin->address.sun_family = AF_UNIX;
    g_strlcpy(admin->address.sun_path, path,
              sizeof(admin->address.sun_path));
    admin->handler = handler;
    admin->opaque = opaque;
    if (!admin_socket_listen(admin, error)) {
        g_free(admin);
        return NULL;
    }
    admin->source = g_unix_fd_add(admin->fd, G_IO_IN, admin_socket_ready,
                                  admin);
    return admin;
}

void admin_socket_free(AdminSocket *admin)
{
    g_source_remove(admin->source);
    while (admin->clients.length > 0) {
        client_free(g_queue_peek_head(&admin->clients));
    }
    g_unlink(admin->address.sun_path);
    close(admin->fd);
    g_free(admin);
}
