/*
 * Whose turn it is in a pool: classes, shares, and one claim for each
 *
 * A turn goes to the highest priority class that has a claimant waiting, but
 * first to one that has not had its guaranteed share of the time. Within a
 * class it goes to the claimant that has used the least for its weight
 * (fair-queue.h).
 *
 * A claimant may wait in several classes and is one all the same: what it uses
 * in one counts in the others too. A guaranteed share is for those who would
 * have to do without: a claimant that also claims in a higher class, and has
 * had more there than another that waits, has no part in it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_POOL_QUEUE_H
#define MEDIATOR_POOL_QUEUE_H

#include "fair-queue.h"
#include "vms/settings.h"

/*
 * µs: so much of what a claimant has used in one class counts, at the most,
 * when it waits in another; or its latest turn, if that was longer. What is
 * longer ago is forgotten.
 */
#define POOL_QUEUE_MEMORY G_TIME_SPAN_SECOND

typedef struct PoolQueue PoolQueue;
typedef struct Claimant Claimant;

/* A claimant in a class */
typedef struct Flow {
    FairFlow fair;              /* waits while the claimant does */
    Claimant *claimant;
    unsigned priority;
    bool claims;                /* waits or runs, or has not paid for it */
    unsigned running;           /* turns */
    gint64 estimate;            /* µs: what its turns take lately */
} Flow;

/* One that takes part in a pool; its owner embeds it. */
struct Claimant {
    PoolQueue *queue;
    gpointer owner;
    Flow flows[PRIORITY_CLASSES];
};

/* A turn that is to be had, or being had */
typedef struct Turn {
    Claimant *claimant;
    unsigned priority;          /* VGPU_STUB_PRIORITY_… */
    bool guaranteed;            /* on its class's guaranteed share */
    gint64 estimate;            /* µs */
    gint64 charged;
} Turn;

typedef struct PoolClass {
    FairQueue flows;
    gint64 owed;                /* of the guaranteed share: µs × 100 */
    gint64 lowest;              /* tag of those that might have had a turn */
} PoolClass;

/* Zero at first, but for `eligible` */
struct PoolQueue {
    PoolClass classes[PRIORITY_CLASSES];    /* by VGPU_STUB_PRIORITY_… */
    FairEligible eligible;      /* the owner's claimant */
};

void claimant_init(Claimant *claimant, PoolQueue *queue, gpointer owner);

/* It waits in a class, where it did not before; or not any more. */
void claimant_join(Claimant *claimant, unsigned priority);
void claimant_leave(Claimant *claimant, unsigned priority);
bool claimant_waits(const Claimant *claimant, unsigned priority);

/* It could have no turn for a while, for reasons of its own. */
void claimant_catch_up(Claimant *claimant);

/* Whose turn it is; false when nobody waits who may have one. */
bool pool_queue_next(PoolQueue *queue, Turn *turn);

/* @turn, as the call above gave it, begins; the weight is its claimant's. */
void turn_start(Turn *turn, unsigned weight);

/* It has ended and took @used µs. */
void turn_finish(const Turn *turn, unsigned weight, gint64 used,
                 const ClassShares *shares);

#endif /* MEDIATOR_POOL_QUEUE_H */
