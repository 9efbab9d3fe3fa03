/*
 * A connected socket, or a pair of pipes, that carries messages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "channel.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "turn.h"

/* A descriptor on its way, with a message in the transmit buffer */
typedef struct Passenger {
    guint start, size;          /* of the message, in bytes */
    int fd;
} Passenger;

struct Channel {
    Watch watch;
    Watch out;                  /* a pair's, to transmit to; -1: a socket */
    Later later;                /* the rest of tx goes out at the turn's end */
    guint read_size;
    bool draining;
    bool ended;                 /* while draining: nothing more will come */
    GByteArray *rx;             /* at most a message and what one read adds */
    GByteArray *tx;
    GQueue passengers;          /* Passenger, in the order of their messages */
    const ChannelHandlers *handlers;
    gpointer opaque;
};

static bool channel_full(const Channel *channel)
{
    return channel->tx->len >= CHANNEL_TX_FULL;
}

static bool channel_fail(const char *what, int code, GError **error)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                what, g_strerror(code));
    return false;
}

static void passenger_free(Passenger *passenger)
{
    close(passenger->fd);
    g_free(passenger);
}

/* As send(), of @size bytes, with the descriptor @fd. */
static ssize_t send_with(int socket, const uint8_t *bytes, size_t size,
                         int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(fd))];
    } control = { .bytes = { 0 } };
    struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
    const struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* Transmit what may be in one call. */
static ssize_t channel_transmit(Channel *channel)
{
    const Passenger *first = g_queue_peek_head(&channel->passengers);
    const uint8_t *bytes = channel->tx->data;

    if (first != NULL && first->start == 0) {
        return send_with(channel->watch.fd, bytes, first->size, first->fd);
    }
    if (channel->out.fd >= 0) {
        return write(channel->out.fd, bytes, channel->tx->len);
    }
    return send(channel->watch.fd, bytes,
                first != NULL ? first->start : channel->tx->len,
                MSG_NOSIGNAL);
}

/* The first @sent bytes have gone, with the descriptor that was with them. */
static void channel_sent(Channel *channel, guint sent)
{
    const Passenger *first = g_queue_peek_head(&channel->passengers);

    if (first != NULL && first->start == 0) {
        passenger_free(g_queue_pop_head(&channel->passengers));
    }
    for (GList *link = channel->passengers.head; link != NULL;
         link = link->next) {
        ((Passenger *)link->data)->start -= sent;
    }
    g_byte_array_remove_range(channel->tx, 0, sent);
}

/* Transmit as much as the socket takes. */
static bool channel_flush(Channel *channel, GError **error)
{
    while (channel->tx->len > 0) {
        ssize_t sent = channel_transmit(channel);

        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR ||
                   channel_fail("send", errno, error);
        }
        channel_sent(channel, sent);
    }
    return true;
}

/* Hand on the messages that are complete, until the transmit buffer fills. */
static bool channel_deliver(Channel *channel, GError **error)
{
    guint done = 0;
    gssize size = 0;

    while (!channel_full(channel)) {
        const uint8_t *bytes = channel->rx->data + done;
        WireHeader header;

        size = wire_decode(bytes, channel->rx->len - done, &header, error);
        if (size <= 0) {
            break;
        }
        if (!channel->handlers->message(channel->opaque, &header,
                                        bytes + sizeof(header), error)) {
            return false;
        }
        done += size;
    }
    g_byte_array_remove_range(channel->rx, 0, done);
    return size >= 0;
}

static bool channel_receive(Channel *channel, GError **error)
{
    const guint before = channel->rx->len;
    ssize_t received;

    if (channel_full(channel) || channel->ended) {
        return true;
    }
    g_byte_array_set_size(channel->rx, before + channel->read_size);
    received = read(channel->watch.fd, channel->rx->data + before,
                    channel->read_size);
    g_byte_array_set_size(channel->rx, before + MAX(received, 0));
    if (received < 0) {
        return errno == EAGAIN || errno == EINTR ||
               channel_fail("receive", errno, error);
    }
    if (received == 0 && channel->draining) {
        channel->ended = true;
        return true;
    }
    if (received == 0) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                            "the peer closed the connection");
        return false;
    }
    return true;
}

static void channel_watch(Channel *channel)
{
    const uint32_t in = channel_full(channel) || channel->ended ? 0 : EPOLLIN,
                   out = channel->tx->len > 0 ? EPOLLOUT : 0;

    if (channel->out.fd >= 0) {
        watch_for(&channel->watch, in);
        watch_for(&channel->out, out);
    } else {
        watch_for(&channel->watch, in | out);
    }
}

/* Tell the owner once that nothing waits any more. */
static void channel_tell_drained(Channel *channel, bool waited)
{
    if (waited && channel->tx->len == 0 &&
        channel->handlers->drained != NULL) {
        channel->handlers->drained(channel->opaque);
    }
}

/* There is @news: the peer has sent something, or has gone. */
static void channel_serve(Channel *channel, bool news)
{
    const bool waited = channel->tx->len > 0;
    g_autoptr(GError) error = NULL;
    bool good = channel_flush(channel, &error);

    if (good) {
        channel_tell_drained(channel, waited);
    }
    /*
     * Messages that waited for room in the transmit buffer are delivered
     * before more is received, or the receive buffer could grow.
     */
    if (good && channel_deliver(channel, &error) &&
        (!news || (channel_receive(channel, &error) &&
                   channel_deliver(channel, &error)))) {
        channel_watch(channel);
        return;
    }
    channel->handlers->closed(channel->opaque, error);
}

static void channel_ready(Watch *watch, uint32_t events)
{
    Channel *channel = (Channel *)((char *)watch - offsetof(Channel, watch));

    channel_serve(channel, (events & ~EPOLLOUT) != 0);
}

static void channel_out_ready(Watch *watch, uint32_t events G_GNUC_UNUSED)
{
    channel_serve((Channel *)((char *)watch - offsetof(Channel, out)), false);
}

static void channel_later(Later *later)
{
    channel_serve((Channel *)((char *)later - offsetof(Channel, later)),
                  false);
}

Channel *channel_new_pair(int in, int out, const ChannelHandlers *handlers,
                          gpointer opaque)
{
    Channel *channel = g_new0(Channel, 1);

    channel->watch = (Watch) { .fd = in, .ready = channel_ready };
    channel->out = (Watch) { .fd = out, .ready = channel_out_ready };
    channel->later.kind = LATER_SEND;
    channel->later.run = channel_later;
    channel->read_size = CHANNEL_READ_SIZE;
    channel->rx = g_byte_array_sized_new(CHANNEL_READ_SIZE);
    channel->tx = g_byte_array_new();
    g_queue_init(&channel->passengers);
    channel->handlers = handlers;
    channel->opaque = opaque;
    channel_watch(channel);
    return channel;
}

Channel *channel_new(int fd, const ChannelHandlers *handlers,
                     gpointer opaque)
{
    return channel_new_pair(fd, -1, handlers, opaque);
}

void channel_set_read_size(Channel *channel, guint size)
{
    channel->read_size = size;
}

guint channel_waiting(const Channel *channel)
{
    return channel->tx->len;
}

void channel_finish(Channel *channel)
{
    shutdown(channel->watch.fd, SHUT_WR);
}

void channel_free(Channel *channel)
{
    watch_for(&channel->watch, 0);
    watch_for(&channel->out, 0);
    later_cancel(&channel->later);
    g_byte_array_unref(channel->rx);
    g_byte_array_unref(channel->tx);
    while (!g_queue_is_empty(&channel->passengers)) {
        passenger_free(g_queue_pop_head(&channel->passengers));
    }
    close(channel->watch.fd);
    if (channel->out.fd >= 0) {
        close(channel->out.fd);
    }
    g_free(channel);
}

void channel_drain(Channel *channel)
{
    channel->draining = true;
    shutdown(channel->watch.fd, SHUT_RD);
}

bool channel_drained(const Channel *channel)
{
    return channel->ended && channel->tx->len == 0;
}

/* There is something in the buffer that was not @idle before. */
static void channel_push(Channel *channel, bool idle)
{
    if (channel->later.link.data != NULL) {
        return;
    }
    if (idle) {
        /* What goes wrong goes wrong again in channel_ready(). */
        channel_flush(channel, NULL);
    }
    channel_watch(channel);
}

void channel_send(Channel *channel, const WireHeader *header,
                  const void *payload)
{
    bool idle = channel->tx->len == 0;

    wire_append(channel->tx, header, payload);
    channel_push(channel, idle);
}

void channel_answer(Channel *channel, const WireHeader *to, uint16_t type,
                    uint32_t status, const void *payload, size_t length)
{
    bool idle = channel->tx->len == 0;

    wire_append_answer(channel->tx, to, type, status, payload, length);
    channel_push(channel, idle);
}

/* There is something in the buffer that was not @idle before; it can wait. */
static void channel_push_soon(Channel *channel, bool idle)
{
    if (idle) {
        later_run(&channel->later);
    }
}

void channel_answer_soon(Channel *channel, const WireHeader *to,
                         uint16_t type, uint32_t status, const void *payload,
                         size_t length)
{
    bool idle = channel->tx->len == 0;

    wire_append_answer(channel->tx, to, type, status, payload, length);
    channel_push_soon(channel, idle);
}

void channel_send_soon(Channel *channel, const WireHeader *header,
                       const void *head, size_t size, const void *body)
{
    bool idle = channel->tx->len == 0;

    wire_append_parts(channel->tx, header, head, size, body);
    channel_push_soon(channel, idle);
}

void channel_send_fd(Channel *channel, const WireHeader *header,
                     const void *payload, int fd)
{
    Passenger *passenger = g_new(Passenger, 1);
    bool idle = channel->tx->len == 0;

    *passenger = (Passenger) {
        .start = channel->tx->len,
        .size = sizeof(*header) + header->length,
        .fd = fd,
    };
    g_queue_push_tail(&channel->passengers, passenger);
    wire_append(channel->tx, header, payload);
    channel_push(channel, idle);
}
