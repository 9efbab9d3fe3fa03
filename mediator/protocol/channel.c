/*
 * A connected socket, or a pair of pipes, that carries messages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "channel.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ready as its channel's socket is */
typedef struct ChannelSource {
    GSource source;
    Channel *channel;
    gpointer tag;               /* of the socket in the source … */
    gpointer tag_out;           /* … and of what is transmitted to beside it */
} ChannelSource;

/* A descriptor on its way, with a message in the transmit buffer */
typedef struct Passenger {
    guint start, size;          /* of the message, in bytes */
    int fd;
} Passenger;

struct Channel {
    int fd;
    int out;                    /* a pair's, to transmit to; -1: a socket */
    guint read_size;
    ChannelSource *source;
    bool draining;
    bool ended;                 /* while draining: nothing more will come */
    GIOCondition watched;
    GByteArray *rx;             /* at most a message and what one read adds */
    GByteArray *tx;
    GQueue passengers;          /* Passenger, in the order of their messages */
    bool soon;                  /* the rest of tx goes out in the next turn */
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
        return send_with(channel->fd, bytes, first->size, first->fd);
    }
    if (channel->out >= 0) {
        return write(channel->out, bytes, channel->tx->len);
    }
    return send(channel->fd, bytes,
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
    received = read(channel->fd, channel->rx->data + before,
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

/*
 * Watch @fd, whose tag is @tag, for @wanted and not for @watched any more.
 * Without conditions a source is ready all the time once the peer goes.
 */
static void channel_watch_fd(Channel *channel, gpointer *tag, int fd,
                             GIOCondition watched, GIOCondition wanted)
{
    GSource *source = &channel->source->source;

    if (watched != 0 && wanted != 0) {
        g_source_modify_unix_fd(source, *tag, wanted);
    } else if (wanted != 0) {
        *tag = g_source_add_unix_fd(source, fd, wanted);
    } else if (watched != 0) {
        g_source_remove_unix_fd(source, *tag);
    }
}

static void channel_watch_for(Channel *channel, GIOCondition wanted)
{
    const GIOCondition of_fd = channel->out >= 0 ? G_IO_IN : ~0;
    ChannelSource *source = channel->source;

    channel_watch_fd(channel, &source->tag, channel->fd,
                     channel->watched & of_fd, wanted & of_fd);
    if (channel->out >= 0) {
        channel_watch_fd(channel, &source->tag_out, channel->out,
                         channel->watched & G_IO_OUT, wanted & G_IO_OUT);
    }
    channel->watched = wanted;
}

static void channel_watch(Channel *channel)
{
    GIOCondition wanted =
        (channel_full(channel) || channel->ended ? 0 : G_IO_IN) |
        (channel->tx->len > 0 ? G_IO_OUT : 0);

    if (channel->watched != wanted) {
        channel_watch_for(channel, wanted);
    }
}

/* Has the peer sent something, or gone? */
static bool channel_has_news(const Channel *channel)
{
    const ChannelSource *source = channel->source;
    const GIOCondition of_fd = channel->out >= 0 ? G_IO_IN : ~0;

    return (channel->watched & of_fd) != 0 &&
           (g_source_query_unix_fd((GSource *)&source->source, source->tag) &
            ~G_IO_OUT) != 0;
}

/* Tell the owner once that nothing waits any more. */
static void channel_tell_drained(Channel *channel, bool waited)
{
    if (waited && channel->tx->len == 0 &&
        channel->handlers->drained != NULL) {
        channel->handlers->drained(channel->opaque);
    }
}

static gboolean channel_ready(GSource *source,
                              GSourceFunc callback G_GNUC_UNUSED,
                              gpointer opaque G_GNUC_UNUSED)
{
    Channel *channel = ((ChannelSource *)source)->channel;
    const bool news = channel_has_news(channel);
    const bool waited = channel->tx->len > 0;
    g_autoptr(GError) error = NULL;
    bool good;

    if (channel->soon) {
        channel->soon = false;
        g_source_set_ready_time(source, -1);
    }
    good = channel_flush(channel, &error);
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
        return G_SOURCE_CONTINUE;
    }
    channel->handlers->closed(channel->opaque, error);
    return G_SOURCE_REMOVE;
}

static void channel_attach(Channel *channel)
{
    static GSourceFuncs functions = { .dispatch = channel_ready };
    GSource *source = g_source_new(&functions, sizeof(ChannelSource));

    channel->source = (ChannelSource *)source;
    channel->source->channel = channel;
    channel->watched = G_IO_IN;
    channel->source->tag = g_source_add_unix_fd(source, channel->fd, G_IO_IN);
    /*
     * Nothing runs a main loop within the main loop. Unless GLib knows that,
     * it takes the source out of it and puts it in again around each call,
     * with two writes to its eventfd.
     */
    g_source_set_can_recurse(source, TRUE);
    g_source_attach(source, NULL);
}

Channel *channel_new(int fd, const ChannelHandlers *handlers,
                     gpointer opaque)
{
    Channel *channel = g_new0(Channel, 1);

    channel->fd = fd;
    channel->out = -1;
    channel->read_size = CHANNEL_READ_SIZE;
    channel->rx = g_byte_array_sized_new(CHANNEL_READ_SIZE);
    channel->tx = g_byte_array_new();
    g_queue_init(&channel->passengers);
    channel->handlers = handlers;
    channel->opaque = opaque;
    channel_attach(channel);
    return channel;
}

Channel *channel_new_pair(int in, int out, const ChannelHandlers *handlers,
                          gpointer opaque)
{
    Channel *channel = channel_new(in, handlers, opaque);

    channel->out = out;
    return channel;
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
    shutdown(channel->fd, SHUT_WR);
}

void channel_free(Channel *channel)
{
    g_source_destroy(&channel->source->source);
    g_source_unref(&channel->source->source);
    g_byte_array_unref(channel->rx);
    g_byte_array_unref(channel->tx);
    while (!g_queue_is_empty(&channel->passengers)) {
        passenger_free(g_queue_pop_head(&channel->passengers));
    }
    close(channel->fd);
    if (channel->out >= 0) {
        close(channel->out);
    }
    g_free(channel);
}

void channel_drain(Channel *channel)
{
    channel->draining = true;
    shutdown(channel->fd, SHUT_RD);
}

bool channel_drained(const Channel *channel)
{
    return channel->ended && channel->tx->len == 0;
}

/* There is something in the buffer that was not @idle before. */
static void channel_push(Channel *channel, bool idle)
{
    if (channel->soon) {
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
        channel->soon = true;
        g_source_set_ready_time(&channel->source->source, 0);
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
