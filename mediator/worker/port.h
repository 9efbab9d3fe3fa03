/*
 * The worker's side of the socket to the mediator
 *
 * protocol/worker-protocol.h is what is said. Calls wait. Errors are
 * WIRE_ERROR or G_IO_ERROR, and the end of what the worker can do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_PORT_H
#define WORKER_PORT_H

#include "protocol/worker-protocol.h"

typedef struct Port Port;

/* Takes over @fd, a connected stream socket. */
Port *port_new(int fd);
void port_free(Port *port);

/*
 * The descriptor that came with the latest messages, which is the caller's then;
 * -1 when none did.
 */
int port_take_fd(Port *port);

/* What has come from the mediator, but a GRANT */
typedef struct PortMessage {
    WireHeader header;
    const uint8_t *payload;     /* valid until the next port_… */
} PortMessage;

/*
 * The next message, of a type and a size that the mediator may send. At the end
 * of the stream returns false without an error. What was put is sent before this
 * waits for anything.
 */
bool port_receive(Port *port, PortMessage *message, GError **error);

/* Send a message: later, with others, unless there are very many. */
bool port_put(Port *port, const WireHeader *header, const void *payload,
              GError **error);

/* Send what was put so far. */
bool port_flush(Port *port, GError **error);

/*
 * Ask for @wanted bytes of memory beside the @held ones, and wait for the answer:
 * *@granted, and *@grant in host byte order.
 */
bool port_ask_memory(Port *port, uint64_t held, uint64_t wanted,
                     bool *granted, struct worker_grant *grant,
                     GError **error);

#endif /* WORKER_PORT_H */
