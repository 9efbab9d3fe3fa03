/*
 * The link to one device: a socket path that is connected over and over
 *
 * A link connects, answers the device's HELLO and hands on its requests. When
 * the connection ends, or there is none to be had, it tries again after a
 * delay that doubles each time, from LINK_RETRY_MIN_MS to LINK_RETRY_MAX_MS.
 *
 * Its VM is there as long as somebody listens at the socket: one whose
 * connection is refused, or which is gone, has no VM.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_LINK_H
#define MEDIATOR_LINK_H

#include "schedule/dispatch.h"

/* Milliseconds */
#define LINK_HELLO_TIMEOUT_MS 5000
#define LINK_RETRY_MIN_MS 100
#define LINK_RETRY_MAX_MS 5000
#define LINK_STALL_MS 5000

typedef struct Link Link;

/*
 * Start to connect to the socket at @path. The device's requests go to
 * @dispatch, as those of the VM that the socket's name says (identity.h).
 * @expected: it is logged, once, when nobody listens there.
 *
 * Returns NULL and a G_IO_ERROR when a socket cannot have such a path.
 */
Link *link_new(const char *path, bool expected, Vms *vms,
               Dispatch *dispatch, GError **error);

/* Ends the connection; its requests are abandoned. The VM may live on. */
void link_free(Link *link);

/* There is no connection, and nobody will listen there again. */
void link_lost(Link *link);

/* Keep the connection for as long as it lasts: the path is another's now. */
void link_detach(Link *link);

bool link_connected(const Link *link);

/*
 * Answer what the device has sent so far and then end the connection, for good.
 * Call link_drained() from time to time: it ends the connection when all is
 * answered, or when a device has not taken the last answers for LINK_STALL_MS,
 * and returns whether there is none any more.
 */
void link_drain(Link *link);
bool link_drained(Link *link);

/* Connect now, if there is no connection; otherwise soon after its end. */
void link_retry(Link *link);

#endif /* MEDIATOR_LINK_H */
