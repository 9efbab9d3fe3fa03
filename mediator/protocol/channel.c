/*
 * A connected socket that carries messages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "channel.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ready as its channel's socket is */
typedef struct ChannelSource {
    GSource source;
    Channel *channel;
    gpointer tag;               /* of the socket in the source */
} ChannelSource;

struct Channel {
    int fd;
    ChannelSource *source;
    bool draining;
    bool ended;                 /* while draining: nothing more will come */
    GIOCondition watched;
    GByteArray *rx;             /* at most a message and what one read adds */
    GByteArray *tx;
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

/* Transmit as much as the socket takes. */
static bool channel_flush(Channel *channel, GError **error)
{
    while (channel->tx->len > 0) {
        ssize_t sent = send(channel->fd, channel->tx->data, channel->tx->len,
                            MSG_NOSIGNAL);

        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR ||
                   channel_fail("send", errno, error);
        }
        g_byte_array_remove_range(channel->tx, 0, sent);
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
    g_byte_array_set_size(channel->rx, before + CHANNEL_READ_SIZE);
    received = recv(channel->fd, channel->rx->data + before,
                    CHANNEL_READ_SIZE, 0);
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

/* Without conditions a source is ready all the time once the peer goes. */
static void channel_watch_for(Channel *channel, GIOCondition wanted)
{
    GSource *source = &channel->source->source;

    if (channel->watched != 0 && wanted != 0) {
        g_source_modify_unix_fd(source, channel->source->tag, wanted);
    } else if (wanted != 0) {
        channel->source->tag = g_source_add_unix_fd(source, channel->fd,
                                                    wanted);
    } else {
        g_source_remove_unix_fd(source, channel->source->tag);
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

static gboolean channel_ready(GSource *source,
                              GSourceFunc callback G_GNUC_UNUSED,
                              gpointer opaque G_GNUC_UNUSED)
{
    Channel *channel = ((ChannelSource *)source)->channel;
    g_autoptr(GError) error = NULL;

    /*
     * Messages that waited for room in the transmit buffer are delivered
     * before more is received, or the receive buffer could grow.
     */
    if (channel_flush(channel, &error) &&
        channel_deliver(channel, &error) &&
        channel_receive(channel, &error) &&
        channel_deliver(channel, &error)) {
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
    channel->rx = g_byte_array_sized_new(CHANNEL_READ_SIZE);
    channel->tx = g_byte_array_new();
    channel->handlers = handlers;
    channel->opaque = opaque;
    channel_attach(channel);
    return channel;
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
    close(channel->fd);
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
