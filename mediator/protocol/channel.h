/*
 * A connected socket, or a pair of pipes, that carries messages
 *
 * A channel receives into and transmits from buffers of its own and never
 * blocks. Both buffers are bounded: while CHANNEL_TX_FULL bytes wait for a
 * peer that does not read, nothing more is read from that peer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_CHANNEL_H
#define MEDIATOR_CHANNEL_H

#include "wire.h"

/*
 * Bytes. What the owner sends in answer to messages that were read before the
 * buffer filled up still goes into it; CHANNEL_READ_SIZE bounds that.
 */
#define CHANNEL_TX_FULL 65536

/* Bytes that one peer may have read before the others have their turn */
#define CHANNEL_READ_SIZE 4096

/* The same for one that sends an arena's bytes, protocol/carrier.h */
#define CHANNEL_READ_SIZE_BULK 32768

typedef struct Channel Channel;

typedef struct ChannelHandlers {
    /*
     * A message has come; its payload, header->length bytes, is valid during
     * the call. Returns false with @error set to end the channel. Must not
     * free the channel.
     */
    bool (*message)(gpointer opaque, const WireHeader *header,
                    const uint8_t *payload, GError **error);
    /*
     * The channel has ended: WIRE_ERROR for what the peer sent, G_IO_ERROR
     * when it has gone, or the message handler's error. The owner has to free
     * the channel here.
     */
    void (*closed)(gpointer opaque, const GError *error);
    /*
     * Nothing waits to be transmitted any more. Must not free the channel. NULL:
     * nobody wants to know.
     */
    void (*drained)(gpointer opaque);
} ChannelHandlers;

/* Takes over @fd, a connected non-blocking stream socket. */
Channel *channel_new(int fd, const ChannelHandlers *handlers,
                     gpointer opaque);

/*
 * The same with one descriptor to receive from and one to transmit to, which may
 * be pipes. SIGPIPE has to be ignored; neither channel_finish(),
 * channel_drain() nor channel_send_fd() are for it.
 */
Channel *channel_new_pair(int in, int out, const ChannelHandlers *handlers,
                          gpointer opaque);

/* Read up to @size bytes at once, instead of CHANNEL_READ_SIZE. */
void channel_set_read_size(Channel *channel, guint size);

/* Bytes that wait to be transmitted */
guint channel_waiting(const Channel *channel);

/* The peer will find that no more messages come. */
void channel_finish(Channel *channel);

/* Closes the socket; what is still in the buffers is lost. */
void channel_free(Channel *channel);

/*
 * Take what the peer has sent, and nothing that it sends from now on: to it,
 * that fails as if the channel were closed.
 */
void channel_drain(Channel *channel);

/*
 * After channel_drain(): whether everything has been handed on, and all that
 * was sent so far has gone out.
 */
bool channel_drained(const Channel *channel);

/*
 * Send a message, as wire_append(), or one in answer to @to, as
 * wire_append_answer(). Neither calls back: when the peer has gone, `closed`
 * is called from the main loop.
 */
void channel_send(Channel *channel, const WireHeader *header,
                  const void *payload);
void channel_answer(Channel *channel, const WireHeader *to, uint16_t type,
                    uint32_t status, const void *payload, size_t length);

/*
 * As channel_answer(), but together with what else is sent in this turn of the
 * main loop.
 */
void channel_answer_soon(Channel *channel, const WireHeader *to,
                         uint16_t type, uint32_t status, const void *payload,
                         size_t length);

/*
 * The same for a message of its own, whose payload begins with the @size bytes
 * of @head and goes on with @body.
 */
void channel_send_soon(Channel *channel, const WireHeader *header,
                       const void *head, size_t size, const void *body);

/*
 * As channel_send(), with the descriptor @fd, which is taken over. It goes with
 * the message's first byte, and nothing else is in the same sendmsg().
 */
void channel_send_fd(Channel *channel, const WireHeader *header,
                     const void *payload, int fd);

#endif /* MEDIATOR_CHANNEL_H */
