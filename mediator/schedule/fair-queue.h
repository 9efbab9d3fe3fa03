/*
 * Weighted fair queuing: whose turn it is, by what each has used
 *
 * Start-time fair queuing (Goyal, Vin and Cheng, 1996). Each flow has a tag,
 * the virtual time up to which it has used its share; the waiting flow with
 * the lowest tag is next. A flow that comes back after a pause starts at the
 * virtual time of those that didn't pause: it has saved nothing. A use is
 * charged by an estimate when it starts and corrected when it ends, so a wrong
 * estimate gains nothing. How much a flow has waiting plays no part.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_FAIR_QUEUE_H
#define MEDIATOR_FAIR_QUEUE_H

#include <glib.h>
#include <stdbool.h>

#include "vms/settings.h"

/*
 * So much virtual time passes in a µs of a flow of weight 1: the count lasts for
 * 29 years of device time. Weights are VM_WEIGHT_MAX at most.
 */
#define FAIR_QUEUE_UNIT VM_WEIGHT_MAX

/* One that takes part; zero at first. Its owner embeds it. */
typedef struct FairFlow {
    GList link;                 /* in FairQueue.waiting; data is the owner */
    bool waiting;
    gint64 tag;                 /* virtual time */
} FairFlow;

/* Zero at first */
typedef struct FairQueue {
    GQueue waiting;             /* the flows that want a turn */
    gint64 now;                 /* virtual: the tag that was reached */
    gint64 latest;              /* the highest tag that there was */
    unsigned running;           /* turns that have not ended */
} FairQueue;

/* Whether the flow of @owner may have a turn now */
typedef bool (*FairEligible)(gconstpointer owner);

/* @flow, which is @owner's, wants a turn; it did not before. */
void fair_queue_join(FairQueue *queue, FairFlow *flow, gpointer owner);

/* @flow wants no turn any more. */
void fair_queue_leave(FairQueue *queue, FairFlow *flow);

/* The owner of the flow whose turn it is; NULL when none may have one. */
gpointer fair_queue_next(const FairQueue *queue, FairEligible eligible);

/* It was @flow's turn by what it has used: the others' time has come so far. */
void fair_queue_reach(FairQueue *queue, const FairFlow *flow);

/*
 * @flow starts a turn that will take @cost µs, as far as is known. Returns
 * what it was charged, for fair_queue_finish().
 */
gint64 fair_queue_start(FairQueue *queue, FairFlow *flow, unsigned weight,
                        gint64 cost);

/* A turn has ended that was @charged and took @cost µs. */
void fair_queue_finish(FairQueue *queue, FairFlow *flow, unsigned weight,
                       gint64 charged, gint64 cost);

/*
 * A flow that wants no turn will soon want one: it is a busy time until it is
 * released.
 */
void fair_queue_hold(FairQueue *queue);
void fair_queue_release(FairQueue *queue);

/*
 * The owner of @flow has used @cost µs in another queue, which counts in this
 * one as well, as far as it has not used @most already.
 */
void fair_queue_follow(const FairQueue *queue, FairFlow *flow,
                       unsigned weight, gint64 cost, gint64 most);

/*
 * @flow could have no turn for a while, for reasons of its own: as after a
 * pause, it has saved nothing.
 */
void fair_queue_catch_up(const FairQueue *queue, FairFlow *flow);

#endif /* MEDIATOR_FAIR_QUEUE_H */
