/*
 * A Unix socket where questions are answered
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* accept4(), memmem() */
#include "answer-socket.h"

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

struct AnswerSocket {
    struct sockaddr_un address;
    int fd;
    guint source;               /* of the socket, or a pause */
    const char *end;            /* of a request */
    AnswerHandler handler;
    gpointer opaque;
    GQueue clients;             /* Client, the oldest first */
};

typedef struct Client {
    AnswerSocket *answers;
    int fd;
    guint source;
    GString *request;           /* until it is complete */
    GString *answer;            /* what has not been sent of it */
} Client;

static void client_free(gpointer opaque)
{
    Client *client = opaque;

    g_queue_remove(&client->answers->clients, client);
    g_source_remove(client->source);
    g_string_free(client->request, TRUE);
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
    char bytes[ANSWER_MAX_REQUEST];
    ssize_t received = recv(fd, bytes, sizeof(bytes), 0);
    char *end;

    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (received > 0) {
        g_string_append_len(client->request, bytes, received);
    }
    end = memmem(client->request->str, client->request->len,
                 client->answers->end, strlen(client->answers->end));
    if (end != NULL) {
        *end = '\0';
        client->answers->handler(client->answers->opaque,
                                 client->request->str, client->answer);
        g_source_remove(client->source);
        client->source = g_unix_fd_add(fd, G_IO_OUT, client_send, client);
    } else if (received <= 0 || client->request->len >= ANSWER_MAX_REQUEST) {
        client_free(client);
    }
    return G_SOURCE_CONTINUE;
}

static void answer_socket_watch(AnswerSocket *answers);

static gboolean answer_socket_again(gpointer answers)
{
    answer_socket_watch(answers);
    return G_SOURCE_REMOVE;
}

/* Whether accept4() fails for want of something, and will do so at once again */
static bool is_want(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOBUFS ||
           code == ENOMEM;
}

static gboolean answer_socket_ready(gint fd,
                                    GIOCondition condition G_GNUC_UNUSED,
                                    gpointer opaque)
{
    AnswerSocket *answers = opaque;
    int client_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    Client *client;

    if (client_fd < 0 && is_want(errno)) {
        answers->source = g_timeout_add(ANSWER_PAUSE_MS, answer_socket_again,
                                        answers);
        return G_SOURCE_REMOVE;
    }
    if (client_fd < 0) {
        return G_SOURCE_CONTINUE;
    }
    if (answers->clients.length == ANSWER_MAX_CLIENTS) {
        client_free(g_queue_peek_head(&answers->clients));
    }
    client = g_new0(Client, 1);
    client->answers = answers;
    client->fd = client_fd;
    client->request = g_string_new(NULL);
    client->answer = g_string_new(NULL);
    client->source = g_unix_fd_add(client_fd, G_IO_IN, client_receive, client);
    g_queue_push_tail(&answers->clients, client);
    return G_SOURCE_CONTINUE;
}

static void answer_socket_watch(AnswerSocket *answers)
{
    answers->source = g_unix_fd_add(answers->fd, G_IO_IN, answer_socket_ready,
                                    answers);
}

static bool answer_socket_fail(const char *path, int code, GError **error)
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

static bool answer_socket_listen(AnswerSocket *answers, GError **error)
{
    const char *path = answers->address.sun_path;
    const struct sockaddr *address = (const struct sockaddr *)&answers->address;
    mode_t before;
    int result;

    answers->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                         0);
    if (answers->fd < 0) {
        return answer_socket_fail(path, errno, error);
    }
    if (is_stale(&answers->address)) {
        g_unlink(path);
    }
    before = umask(0117);
    result = bind(answers->fd, address, sizeof(answers->address));
    umask(before);
    if (result < 0 || listen(answers->fd, SOMAXCONN) < 0) {
        answer_socket_fail(path, errno, error);
        close(answers->fd);
        return false;
    }
    return true;
}

AnswerSocket *answer_socket_new(const char *path, const char *end,
                                AnswerHandler handler, gpointer opaque,
                                GError **error)
{
    AnswerSocket *answers;

    if (path[0] == '\0' || strlen(path) >= sizeof(answers->address.sun_path)) {
        answer_socket_fail(path, ENAMETOOLONG, error);
        return NULL;
    }
    answers = g_new0(AnswerSocket, 1);
    answers->address.sun_family = AF_UNIX;
    g_strlcpy(answers->address.sun_path, path,
              sizeof(answers->address.sun_path));
    answers->end = end;
    answers->handler = handler;
    answers->opaque = opaque;
    if (!answer_socket_listen(answers, error)) {
        g_free(answers);
        return NULL;
    }
    answer_socket_watch(answers);
    return answers;
}

void answer_socket_free(AnswerSocket *answers)
{
    g_source_remove(answers->source);
    while (answers->clients.length > 0) {
        client_free(g_queue_peek_head(&answers->clients));
    }
    g_unlink(answers->address.sun_path);
    close(answers->fd);
    g_free(answers);
}
