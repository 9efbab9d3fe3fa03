/*
 * What the parts of a link have in common; for link*.c alone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_LINK_PRIVATE_H
#define MEDIATOR_LINK_PRIVATE_H

#include <sys/un.h>

#include "link-queue.h"
#include "link.h"
#include "vms/identity.h"

struct Link {
    struct sockaddr_un address;
    Vms *vms;
    Dispatch *dispatch;
    Identity *identity;
    Vm *vm;                     /* NULL while nobody listens */
    bool expected;              /* it is worth a line when nobody does */

    Channel *channel;           /* NULL while there is no connection */
    gint64 connected_at;        /* monotonic, µs */
    bool greeted;               /* `hello` has come and was accepted */
    WireHello hello;
    uint64_t context;           /* the device's, since its last reset */
    GHashTable *running;        /* sequence → Request, abandoned on removal */
    LinkQueue *queue;           /* NULL: the device has none */
    bool draining;              /* new requests are refused … */
    bool shut;                  /* … and none is taken any more */

    unsigned attempts;          /* since the last connection that lasted */
    bool complained;            /* that there is no connection to be had */
    char *refusal;              /* why the last connection ended, if it did
                                 * before there was a device; else NULL */
    bool final;                 /* there is no connection after this one */
    gint64 answered_at;         /* monotonic, µs: since when no request of a
                                 * draining link runs; 0 while one does */
    guint timer;                /* to the next attempt, or while connected,
                                 * to the end of the wait for HELLO */
};

/* --- link.c --- */

/* Log a line about it. */
void link_log(const Link *link, GLogLevelFlags level, const char *what);

/* It waits for nothing any more. */
void link_clear_timer(Link *link);

/* End the connection, if there is one. */
void link_disconnect(Link *link);

/* --- link-device.c --- */

/* A message has come on its channel. */
bool link_message(gpointer link, const WireHeader *header,
                  const uint8_t *payload, GError **error);

#endif /* MEDIATOR_LINK_PRIVATE_H */
