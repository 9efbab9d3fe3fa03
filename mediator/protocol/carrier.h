/*
 * Carries the bytes of an arena to one of the same places on another host
 *
 * What a message is about is sent before it, in pieces that leave room for other
 * messages between them: however much is to be sent, a channel never has more
 * than a piece of it to transmit, and goes on receiving.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_CARRIER_H
#define MEDIATOR_CARRIER_H

#include "arena.h"
#include "channel.h"
#include "worker-protocol.h"

typedef struct Carrier Carrier;

/* @channel, which is the caller's, has to outlive it; refers to @arena. */
Carrier *carrier_new(Channel *channel, Arena *arena);
void carrier_free(Carrier *carrier);

/*
 * Send the message of @header and @payload, which are copied, after all that was
 * to be sent before: about a request of the arena's that is @queued, with it, or
 * about its answer, with @length bytes of response and @moved ones of bulk. They
 * are checked. The bytes are looked at when their turn comes: what is in the
 * place has to stay until the other side has answered.
 */
void carrier_send_request(Carrier *carrier, const WireHeader *header,
                          const void *payload, const WireQrequest *queued);
void carrier_send_answer(Carrier *carrier, const WireHeader *header,
                         const void *payload, const WireQrequest *queued,
                         uint32_t length, uint32_t moved);

/* The same for one that nothing of the arena's goes with. */
void carrier_send_message(Carrier *carrier, const WireHeader *header,
                          const void *payload);

/* Is there anything that has not been handed to the channel yet? */
bool carrier_waits(const Carrier *carrier);

/* The channel has room again: to be called as its `drained`. */
void carrier_go_on(Carrier *carrier);

/*
 * Put what a DATA has brought into the arena. false with a WIRE_ERROR_VIOLATION
 * when it is none that there can be.
 */
bool carrier_take(Carrier *carrier, const WireHeader *header,
                  const uint8_t *payload, GError **error);

#endif /* MEDIATOR_CARRIER_H */
