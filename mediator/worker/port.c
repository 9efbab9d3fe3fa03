/*
 * The worker's side of the socket to the mediator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* MSG_CMSG_CLOEXEC */
#include "port.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 4096

/* Bytes that wait to be sent, at most */
#define TX_FULL 16384

struct Port {
    int fd;
    int passenger;              /* a descriptor that has come, or -1 */
    GByteArray *rx;             /* what has come … */
    guint taken;                /* … and of that, what has been taken */
    GByteArray *tx;
};

Port *port_new(int fd)
{
    Port *port = g_new0(Port, 1);

    port->fd = fd;
    port->passenger = -1;
    port->rx = g_byte_array_sized_new(2 * READ_SIZE);
    port->tx = g_byte_array_new();
    return port;
}

void port_free(Port *port)
{
    close(port->fd);
    if (port->passenger >= 0) {
        close(port->passenger);
    }
    g_byte_array_unref(port->rx);
    g_byte_array_unref(port->tx);
    g_free(port);
}

static bool port_fail(const char *what, GError **error)
{
    const int code = errno;

    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                what, g_strerror(code));
    return false;
}

bool port_flush(Port *port, GError **error)
{
    guint sent = 0;

    while (sent < port->tx->len) {
        ssize_t size = send(port->fd, port->tx->data + sent,
                            port->tx->len - sent, MSG_NOSIGNAL);

        if (size < 0 && errno != EINTR) {
            return port_fail("send", error);
        }
        sent += MAX(size, 0);
    }
    g_byte_array_set_size(port->tx, 0);
    return true;
}

bool port_put(Port *port, const WireHeader *header, const void *payload,
              GError **error)
{
    wire_append(port->tx, header, payload);
    return port->tx->len < TX_FULL || port_flush(port, error);
}

/* As recv(), with a descriptor, if one comes along */
static ssize_t port_read(Port *port, uint8_t *bytes, size_t size)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { .iov_base = bytes, .iov_len = size };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    const ssize_t received = recvmsg(port->fd, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *first = CMSG_FIRSTHDR(&message);

    if (received > 0 && first != NULL && first->cmsg_level == SOL_SOCKET &&
        first->cmsg_type == SCM_RIGHTS) {
        if (port->passenger >= 0) {
            close(port->passenger);
        }
        memcpy(&port->passenger, CMSG_DATA(first), sizeof(int));
    }
    return received;
}

int port_take_fd(Port *port)
{
    const int fd = port->passenger;

    port->passenger = -1;
    return fd;
}

/*
 * Receive something; before that, send what waits. At the end of the stream
 * false without an error.
 */
static bool port_fill(Port *port, GError **error)
{
    ssize_t received;
    guint before;

    if (!port_flush(port, error)) {
        return false;
    }
    g_byte_array_remove_range(port->rx, 0, port->taken);
    port->taken = 0;
    before = port->rx->len;
    g_byte_array_set_size(port->rx, before + READ_SIZE);
    do {
        received = port_read(port, port->rx->data + before, READ_SIZE);
    } while (received < 0 && errno == EINTR);
    g_byte_array_set_size(port->rx, before + MAX(received, 0));
    return received > 0 || (received < 0 && port_fail("receive", error));
}

/* Does the mediator say what worker-protocol.h allows it to? */
static bool check_message(const WireHeader *header, GError **error)
{
    static const struct {
        uint16_t type;
        uint32_t least, most;   /* bytes */
    } known[] = {
        { VGPU_STUB_MSG_REQUEST, 1, VGPU_STUB_MAX_REQUEST },
        { VGPU_STUB_MSG_ARENA, sizeof(struct vgpu_stub_wire_arena),
          sizeof(struct vgpu_stub_wire_arena) },
        { VGPU_STUB_MSG_QREQUEST, sizeof(struct vgpu_stub_wire_qrequest),
          sizeof(struct vgpu_stub_wire_qrequest) },
        { WORKER_MSG_LIMITS, sizeof(struct worker_limits),
          sizeof(struct worker_limits) },
        { WORKER_MSG_GRANT, sizeof(struct worker_grant),
          sizeof(struct worker_grant) },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (known[i].type == header->type &&
            known[i].least <= header->length &&
            known[i].most >= header->length) {
            return true;
        }
    }
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                "a message of type %u with %u bytes", header->type,
                header->length);
    return false;
}

/*
 * The message that begins at *@at of what has come, for which it waits. *@at
 * counts from what was taken, and becomes the end of the message.
 */
static bool port_next(Port *port, guint *at, PortMessage *message,
                      GError **error)
{
    gssize size;

    for (;;) {
        const guint from = port->taken + *at;

        size = wire_decode(port->rx->data + from, port->rx->len - from,
                           &message->header, error);
        if (size != 0) {
            break;
        }
        if (!port_fill(port, error)) {
            return false;
        }
    }
    if (size < 0 || !check_message(&message->header, error)) {
        return false;
    }
    message->payload = port->rx->data + port->taken + *at +
                       sizeof(message->header);
    *at += size;
    return true;
}

bool port_receive(Port *port, PortMessage *message, GError **error)
{
    guint size = 0;

    if (!port_next(port, &size, message, error)) {
        return false;
    }
    port->taken += size;
    return true;
}

bool port_ask_memory(Port *port, uint64_t held, uint64_t wanted,
                     bool *granted, struct worker_grant *grant,
                     GError **error)
{
    const struct worker_memory memory = {
        .held = GUINT64_TO_LE(held), .wanted = GUINT64_TO_LE(wanted),
    };
    const WireHeader header = {
        .type = WORKER_MSG_MEMORY, .length = sizeof(memory),
    };
    guint begin, end = 0;
    PortMessage message;

    if (!port_put(port, &header, &memory, error)) {
        return false;
    }
    /* The requests before it stay where they are. */
    do {
        begin = end;
        if (!port_next(port, &end, &message, error)) {
            return false;
        }
    } while (message.header.type != WORKER_MSG_GRANT);
    memcpy(grant, message.payload, sizeof(*grant));
    grant->left = GUINT64_FROM_LE(grant->left);
    grant->quota = GUINT64_FROM_LE(grant->quota);
    *granted = message.header.status == VGPU_STUB_ERR_NONE;
    g_byte_array_remove_range(port->rx, port->taken + begin, end - begin);
    return true;
}
