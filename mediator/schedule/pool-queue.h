/*
 * Who may use a pool next: classes, shares, and one claim for each
 *
 * A use goes to the highest priority class that has a claimant waiting, but
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
 * when it waits in another; or its latest use, if that was longer. What is
 * longer ago is forgotten.
 */
#define POOL_QUEUE_MEMORY G_TIME_SPAN_SECOND

/* µs: what a use is thought to take before there was one */
#define POOL_QUEUE_FIRST_ESTIMATE 1000

typedef struct PoolQueue PoolQueue;
typedef struct Claimant Claimant;

/* A claimant in a class */
typedef struct Flow {
    FairFlow fair;              /* waits while the claimant does */
    Claimant *claimant;
    unsigned priority;
    bool claims;                /* waits or runs, or has not paid for it */
    unsigned running;           /* uses */
    gint64 estimate;            /* µs: what its uses take lately */
} Flow;

/* One that takes part in a pool; its owner embeds it. */
struct Claimant {
    PoolQueue *queue;
    gpointer owner;
    Flow flows[PRIORITY_CLASSES];
};

/* A use that is to be had, or being had */
typedef struct Use {
    Claimant *claimant;
    unsigned priority;          /* VGPU_STUB_PRIORITY_… */
    bool guaranteed;            /* on its class's guaranteed share */
    bool extra;                 /* although others would have been before it */
    gint64 estimate;            /* µs; whoever knows better may set it */
    gint64 charged;
} Use;

/* Whether @owner, of a claimant, may have a use in the class @priority now */
typedef bool (*PoolEligible)(gconstpointer owner, unsigned priority);

typedef struct PoolClass {
    FairQueue flows;
    gint64 owed;                /* of the guaranteed share: µs × 100 */
    gint64 lowest;              /* tag of those that might have had a use */
} PoolClass;

/* Zero at first, but for `eligible` */
struct PoolQueue {
    PoolClass classes[PRIORITY_CLASSES];    /* by VGPU_STUB_PRIORITY_… */
    PoolEligible eligible;
};

void claimant_init(Claimant *claimant, PoolQueue *queue, gpointer owner);

/* It waits in a class, where it did not before; or not any more. */
void claimant_join(Claimant *claimant, unsigned priority);
void claimant_leave(Claimant *claimant, unsigned priority);
bool claimant_waits(const Claimant *claimant, unsigned priority);

/* It could have no use for a while, for reasons of its own. */
void claimant_catch_up(Claimant *claimant);

/* It will soon wait in a class, where it does not; until it is released. */
void claimant_hold(Claimant *claimant, unsigned priority);
void claimant_release(Claimant *claimant, unsigned priority);

/* Whether @claimant would be before @use if it waited in the class @priority */
bool claimant_precedes(const Claimant *claimant, unsigned priority,
                       const Use *use);

/* Who may use the pool next; false when nobody waits who may. */
bool pool_queue_next(PoolQueue *queue, Use *use);

/* @claimant, which waits in the class @priority, may, whoever is next. */
void claimant_use(Claimant *claimant, unsigned priority, Use *use);

/* @use, as one of the calls above gave it, begins; the weight is its claimant's. */
void use_start(Use *use, unsigned weight);

/* It has ended and took @used µs. */
void use_finish(const Use *use, unsigned weight, gint64 used,
                const ClassShares *shares);

#endif /* MEDIATOR_POOL_QUEUE_H */
