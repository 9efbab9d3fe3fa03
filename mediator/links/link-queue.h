/*
 * The queue of a link's device: contexts and requests in their arenas
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_LINK_QUEUE_H
#define MEDIATOR_LINK_QUEUE_H

#include "protocol/channel.h"
#include "schedule/dispatch.h"

typedef struct LinkQueue LinkQueue;

/* Of a connection of @vm's on @channel whose HELLO was @hello */
LinkQueue *link_queue_new(Channel *channel, Dispatch *dispatch, Vm *vm,
                          const WireHello *hello);

/* The connection has ended, and all contexts with it. */
void link_queue_free(LinkQueue *queue);

/* Is a message of this type, VGPU_STUB_MSG_…, one of a queue's? */
bool link_queue_has_type(uint16_t type);

/* Such a message; false and a WIRE_ERROR_VIOLATION when it must not come. */
bool link_queue_message(LinkQueue *queue, const WireHeader *header,
                        const uint8_t *payload, GError **error);

/* All contexts have ended, nothing is to be answered. */
void link_queue_reset(LinkQueue *queue);

/* Requests and contexts that come from now on end as MEDIATOR_UNAVAILABLE. */
void link_queue_drain(LinkQueue *queue);

/* How many requests are still to be answered */
unsigned link_queue_running(const LinkQueue *queue);

#endif /* MEDIATOR_LINK_QUEUE_H */
