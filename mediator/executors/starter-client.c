/*
 * The daemon's side of vgpu-starter, which starts and ends its workers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "starter-client.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Until its HELLO */
#define HELLO_TIMEOUT_MS 20000

struct Starter {
    pid_t pid;
    int fd;
    uint32_t flags;
    bool greeted;
    uint32_t next_id;
    GHashTable *children;       /* id → StarterChild */
    GQueue outgoing;            /* Packet */
    guint in, out;              /* sources; 0: none */
    bool is_lost;
    void (*lost)(gpointer opaque);
    gpointer opaque;
};

struct StarterChild {
    Starter *starter;
    uint32_t id;
    const StarterHandlers *handlers;
    gpointer opaque;
    guint unstartable;          /* source; 0: it has been sent */
};

/* A message with its descriptors, which waits for room */
typedef struct Packet {
    size_t size;
    StarterStart message;
    unsigned fd_count;
    int fds[STARTER_FDS];
} Packet;

static const char *const step_texts[] = {
    [STARTER_STEP_UID] = "no uid is free",
    [STARTER_STEP_SCRATCH] = "its folder",
    [STARTER_STEP_FORK] = "fork",
    [STARTER_STEP_LAUNCHER] = "the launcher, or an option for it, is not as "
                              "the configuration says",
};

static bool fail(GError **error, int code, const char *what)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                what, g_strerror(code));
    return false;
}

/* --- To the starter --- */

static void packet_free(Packet *packet)
{
    for (unsigned i = 0; i < packet->fd_count; i++) {
        if (i == 0 || packet->fds[i] != packet->fds[i - 1]) {
            close(packet->fds[i]);
        }
    }
    g_free(packet);
}

/* Returns false when there is no room for it. An error is seen when reading. */
static bool packet_send(const Packet *packet, int fd)
{
    union {
        char bytes[CMSG_SPACE(STARTER_FDS * sizeof(int))];
        struct cmsghdr aligned;
    } control = { .bytes = { 0 } };
    struct iovec bytes = {
        .iov_base = (void *)&packet->message, .iov_len = packet->size,
    };
    struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

    if (packet->fd_count > 0) {
        const size_t size = packet->fd_count * sizeof(int);

        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(size);
        control.aligned.cmsg_level = SOL_SOCKET;
        control.aligned.cmsg_type = SCM_RIGHTS;
        control.aligned.cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(&control.aligned), packet->fds, size);
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL) >= 0 ||
           (errno != EAGAIN && errno != EINTR);
}

static gboolean starter_writable(gint fd,
                                 GIOCondition condition G_GNUC_UNUSED,
                                 gpointer opaque)
{
    Starter *starter = opaque;
    Packet *packet;

    while ((packet = g_queue_peek_head(&starter->outgoing)) != NULL &&
           packet_send(packet, fd)) {
        packet_free(g_queue_pop_head(&starter->outgoing));
    }
    if (packet != NULL) {
        return G_SOURCE_CONTINUE;
    }
    starter->out = 0;
    return G_SOURCE_REMOVE;
}

static void starter_send(Starter *starter, Packet *packet)
{
    g_queue_push_tail(&starter->outgoing, packet);
    if (starter->out == 0 && !starter->is_lost) {
        starter->out = g_unix_fd_add(starter->fd, G_IO_OUT, starter_writable,
                                     starter);
    }
}

/* Pack @argv; false when it does not fit. */
static bool pack_arguments(StarterStart *start, const char *const *argv)
{
    size_t used = 0;

    for (unsigned i = 0; argv[i] != NULL; i++) {
        const size_t size = strlen(argv[i]) + 1;

        if (i == STARTER_MAX_ARGUMENTS ||
            size > sizeof(start->arguments) - used) {
            return false;
        }
        memcpy(start->arguments + used, argv[i], size);
        used += size;
    }
    start->head.a = used;
    return true;
}

static gboolean child_unstartable(gpointer opaque);

StarterChild *starter_start(Starter *starter, const char *const *argv,
                            const StarterFds *fds,
                            const StarterHandlers *handlers,
                            gpointer opaque)
{
    StarterChild *child = g_new0(StarterChild, 1);
    Packet *packet = g_new0(Packet, 1);

    while (g_hash_table_contains(starter->children,
                                 GUINT_TO_POINTER(starter->next_id))) {
        starter->next_id++;
    }
    child->starter = starter;
    child->id = starter->next_id++;
    child->handlers = handlers;
    child->opaque = opaque;
    g_hash_table_insert(starter->children, GUINT_TO_POINTER(child->id),
                        child);
    packet->size = sizeof(packet->message);
    packet->message.head.type = STARTER_START;
    packet->message.head.id = child->id;
    packet->fd_count = STARTER_FDS;
    packet->fds[STARTER_FD_STDIN] = fds->in;
    packet->fds[STARTER_FD_STDOUT] = fds->out;
    packet->fds[STARTER_FD_STDERR] = fds->errors;
    if (!starter->is_lost && pack_arguments(&packet->message, argv)) {
        starter_send(starter, packet);
    } else {
        packet_free(packet);
        child->unstartable = g_idle_add(child_unstartable, child);
    }
    return child;
}

void starter_kill(StarterChild *child)
{
    Packet *packet = g_new0(Packet, 1);

    packet->size = sizeof(packet->message.head);
    packet->message.head.type = STARTER_KILL;
    packet->message.head.id = child->id;
    starter_send(child->starter, packet);
}

/* --- From the starter --- */

static void child_gone(StarterChild *child, int status, const char *failure)
{
    g_hash_table_remove(child->starter->children,
                        GUINT_TO_POINTER(child->id));
    g_clear_handle_id(&child->unstartable, g_source_remove);
    child->handlers->gone(child->opaque, status, failure);
    g_free(child);
}

static gboolean child_unstartable(gpointer opaque)
{
    StarterChild *child = opaque;

    child->unstartable = 0;
    child_gone(child, 0, child->starter->is_lost
                         ? "not started: vgpu-starter has ended"
                         : "not started: its options are too long");
    return G_SOURCE_REMOVE;
}

static void child_failed(StarterChild *child, uint32_t code, uint32_t step)
{
    const char *what = step < G_N_ELEMENTS(step_texts) ? step_texts[step]
                                                       : NULL;
    g_autofree char *failure =
        g_strdup_printf("not started: %s: %s", what != NULL ? what : "?",
                        g_strerror(code));

    child_gone(child, 0, failure);
}

/* Its first message; false when it is none that can be understood. */
static bool starter_take_hello(Starter *starter,
                               const StarterMessage *message)
{
    starter->greeted = message->type == STARTER_HELLO &&
                       message->a == STARTER_VERSION;
    starter->flags = message->b;
    return starter->greeted;
}

/* False when it is not as starter/protocol.h says. */
static bool starter_take(Starter *starter, const StarterMessage *message)
{
    StarterChild *child = g_hash_table_lookup(starter->children,
                                              GUINT_TO_POINTER(message->id));

    if (!starter->greeted) {
        return starter_take_hello(starter, message);
    }
    if (child == NULL) {
        return false;
    }
    switch (message->type) {
    case STARTER_STARTED:
        child->handlers->started(child->opaque, message->a, message->b);
        return true;
    case STARTER_FAILED:
        child_failed(child, message->a, message->b);
        return true;
    case STARTER_GONE:
        child_gone(child, message->a, NULL);
        return true;
    default:
        return false;
    }
}

/* Nothing more is heard of it, nor of its children. */
static void starter_close(Starter *starter)
{
    GList *children = g_hash_table_get_values(starter->children);

    starter->is_lost = true;
    g_clear_handle_id(&starter->in, g_source_remove);
    g_clear_handle_id(&starter->out, g_source_remove);
    shutdown(starter->fd, SHUT_RDWR);
    if (starter->pid > 0) {
        /* It ends all of them before it ends. */
        waitpid(starter->pid, NULL, 0);
        starter->pid = 0;
    }
    for (GList *link = children; link != NULL; link = link->next) {
        child_gone(link->data, 0, "lost with vgpu-starter");
    }
    g_list_free(children);
}

static gboolean starter_readable(gint fd,
                                 GIOCondition condition G_GNUC_UNUSED,
                                 gpointer opaque)
{
    Starter *starter = opaque;
    StarterMessage message;
    ssize_t size = recv(fd, &message, sizeof(message), MSG_TRUNC);

    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (size == sizeof(message) && starter_take(starter, &message)) {
        return G_SOURCE_CONTINUE;
    }
    if (size > 0) {
        g_warning("vgpu-starter sent a message of %zd bytes that makes no "
                  "sense", size);
    }
    starter->in = 0;
    starter_close(starter);
    if (starter->lost != NULL) {
        starter->lost(starter->opaque);
    }
    return G_SOURCE_REMOVE;
}

/* --- Its process --- */

static pid_t spawn(const char *const *argv, int fd)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (dup2(fd, STDIN_FILENO) >= 0) {
            execv(argv[0], (char *const *)argv);
        }
        fprintf(stderr, "%s: %s: %s\n", g_get_prgname(), argv[0],
                strerror(errno));
        _exit(127);
    }
    return pid;
}

/* Wait for HELLO; false with @error set when there is none. */
static bool starter_greet(Starter *starter, GError **error)
{
    struct pollfd ready = { .fd = starter->fd, .events = POLLIN };
    StarterMessage hello = { 0 };

    if (poll(&ready, 1, HELLO_TIMEOUT_MS) <= 0) {
        return fail(error, ETIMEDOUT, "no HELLO");
    }
    if (recv(starter->fd, &hello, sizeof(hello), MSG_TRUNC) !=
        sizeof(hello) || hello.type != STARTER_HELLO) {
        return fail(error, ECONNRESET, "no HELLO");
    }
    if (!starter_take_hello(starter, &hello)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "it has version %u of the protocol, %u is needed",
                    hello.a, STARTER_VERSION);
        return false;
    }
    return true;
}

/* With one end of a connection to it */
static Starter *starter_alloc(int fd)
{
    Starter *starter = g_new0(Starter, 1);

    starter->fd = fd;
    starter->children = g_hash_table_new(NULL, NULL);
    return starter;
}

static void starter_listen(Starter *starter)
{
    g_unix_set_fd_nonblocking(starter->fd, TRUE, NULL);
    starter->in = g_unix_fd_add(starter->fd, G_IO_IN, starter_readable,
                                starter);
}

Starter *starter_new(const char *const *argv, GError **error)
{
    Starter *starter;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        fail(error, errno, "socketpair");
        return NULL;
    }
    starter = starter_alloc(fds[0]);
    starter->pid = spawn(argv, fds[1]);
    close(fds[1]);
    if (starter->pid < 0) {
        fail(error, errno, "fork");
    }
    if (starter->pid < 0 || !starter_greet(starter, error)) {
        starter_free(starter);
        return NULL;
    }
    starter_listen(starter);
    return starter;
}

Starter *starter_connect(const char *path, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    Starter *starter;
    int fd;

    if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
        sizeof(address.sun_path)) {
        fail(error, ENAMETOOLONG, path);
        return NULL;
    }
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address,
                          sizeof(address)) < 0) {
        fail(error, errno, path);
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    starter = starter_alloc(fd);
    starter_listen(starter);
    return starter;
}

bool starter_is_lost(const Starter *starter)
{
    return starter->is_lost;
}

void starter_free(Starter *starter)
{
    Packet *packet;

    starter_close(starter);
    while ((packet = g_queue_pop_head(&starter->outgoing)) != NULL) {
        packet_free(packet);
    }
    close(starter->fd);
    g_hash_table_unref(starter->children);
    g_free(starter);
}

void starter_on_lost(Starter *starter, void (*lost)(gpointer opaque),
                     gpointer opaque)
{
    starter->lost = lost;
    starter->opaque = opaque;
}

uint32_t starter_flags(const Starter *starter)
{
    return starter->flags;
}
