/*
 * sst-device: the connection to the simulator
 *
 * A request is sent and its answer awaited, or it is sent and answered later
 * (posted). Every wait has a limit. What breaks the protocol, or the limit,
 * closes the connection: requests have no numbers, so that only a new
 * connection tells an answer that comes late from the next one.
 *
 * Everything here is called with the big QEMU lock held. A virtual CPU gives it
 * up while it waits, so that the rest of QEMU goes on; calls for the same link
 * follow one another all the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_DEVICE_LINK_H
#define SST_DEVICE_LINK_H

#include "chardev/char-fe.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "wire.h"

/* Posted writes without an answer; more wait for their turn. */
#define SST_LINK_MAX_POSTED 128

typedef struct SstLinkOps {
    /* What became of a posted write; @answer is NULL when nobody will know. */
    void (*posted)(void *opaque, const SstAnswer *answer);

    /* What came for a line; @interrupt is NULL when the simulator has come or
     * gone: what is high it will say. */
    void (*interrupt)(void *opaque, const SstInterrupt *interrupt);
} SstLinkOps;

typedef enum SstLinkQuestion {
    SST_LINK_NONE,
    SST_LINK_ASKED,
    SST_LINK_ANSWERED,
} SstLinkQuestion;

typedef struct SstLink {
    /* Set by the owner before sst_link_open() */
    CharBackend chr;
    const SstFormat *format;
    uint32_t timeout_ms;        /* > 0 */
    bool takes_interrupts;      /* these two only if @format has that */
    bool reports_idle;
    char *name;                 /* in messages to the user; owned */

    const SstLinkOps *ops;
    void *opaque;

    GMainContext *context;      /* where the chardev works */
    GSource *alarm;             /* ends a wait there */
    QEMUTimer tick;             /* lets it work while nobody waits */

    bool busy;                  /* a thread asks, posts or settles */
    QemuCond idle;              /* it is through */
    unsigned sleeps;            /* waits until the next one that spins */

    uint64_t interrupts;        /* messages on this connection */
    bool idle_unsaid;           /* something has happened since a report */
    int64_t idle_until;         /* ns, virtual; what the last one said */

    bool open;
    bool expected;              /* worth a wait: it has not come yet */

    /* Requests without an answer: first all posted ones, then the question */
    unsigned posted;
    int64_t posted_since;       /* us; when one was answered, or the first */
    SstLinkQuestion question;
    SstAnswer answer;           /* to the question, when ANSWERED */
    uint8_t received[SST_WIRE_MAX_SIZE];
    size_t received_len;        /* less than an answer */

    bool complained;            /* the user knows that it is away */
    int64_t complained_at;      /* us; 0: never */
} SstLink;

/* @link->chr is a chardev that can work in a context of its own. */
void sst_link_open(SstLink *link, const SstLinkOps *ops, void *opaque);

/*
 * Send @request and wait for *@answer. False when there is none; the user has
 * been told why. Outcomes of earlier posted writes are reported first.
 */
bool sst_link_ask(SstLink *link, const SstRequest *request, SstAnswer *answer);

/*
 * Send @request; ops->posted() will tell its outcome. False when it was not
 * sent: then there is nothing to tell.
 */
bool sst_link_post(SstLink *link, const SstRequest *request);

/* Wait until all posted writes have an outcome. */
void sst_link_settle(SstLink *link);

#endif /* SST_DEVICE_LINK_H */
