/*
 * Whose turn it is in a pool: classes, shares, and one claim for each
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pool-queue.h"

/* µs: what a claimant's first turn in a class is thought to take */
#define FIRST_ESTIMATE 1000

/* --- Claimants --- */

void claimant_init(Claimant *claimant, PoolQueue *queue, gpointer owner)
{
    claimant->queue = queue;
    claimant->owner = owner;
    for (int i = 0; i < PRIORITY_CLASSES; i++) {
        claimant->flows[i] = (Flow) {
            .claimant = claimant,
            .priority = i,
            .estimate = FIRST_ESTIMATE,
        };
    }
}

void claimant_join(Claimant *claimant, unsigned priority)
{
    Flow *flow = &claimant->flows[priority];

    flow->claims = true;
    fair_queue_join(&claimant->queue->classes[priority].flows, &flow->fair,
                    flow);
}

void claimant_leave(Claimant *claimant, unsigned priority)
{
    fair_queue_leave(&claimant->queue->classes[priority].flows,
                     &claimant->flows[priority].fair);
}

bool claimant_waits(const Claimant *claimant, unsigned priority)
{
    return claimant->flows[priority].fair.waiting;
}

void claimant_catch_up(Claimant *claimant)
{
    for (int i = 0; i < PRIORITY_CLASSES; i++) {
        fair_queue_catch_up(&claimant->queue->classes[i].flows,
                            &claimant->flows[i].fair);
    }
}

/*
 * A claimant's turn of @used µs in another class counts in this one as well. In
 * one where it claims nothing no more than one turn does: a guaranteed share
 * that somebody has had is no debt in the classes above.
 */
static void flow_follow(Flow *flow, unsigned weight, gint64 used)
{
    FairQueue *queue = &flow->claimant->queue->classes[flow->priority].flows;

    if (!flow->fair.waiting && flow->running == 0 &&
        flow->fair.tag <= queue->now) {
        flow->claims = false;
    }
    fair_queue_follow(queue, &flow->fair, weight, used,
                      flow->claims ? MAX(used, POOL_QUEUE_MEMORY) : used);
}

/* --- Whose turn it is --- */

static bool flow_eligible(gconstpointer opaque)
{
    const Flow *flow = opaque;

    return flow->claimant->queue->eligible(flow->claimant->owner);
}

/* Whether the guaranteed share of its class is for it, too */
static bool flow_entitled(gconstpointer opaque)
{
    const Flow *flow = opaque;
    const Claimant *claimant = flow->claimant;

    for (int i = flow->priority + 1; i < PRIORITY_CLASSES; i++) {
        if (claimant->flows[i].claims && claimant->flows[i].fair.tag >
                                         claimant->queue->classes[i].lowest) {
            return false;
        }
    }
    return true;
}

static bool flow_eligible_and_entitled(gconstpointer flow)
{
    return flow_eligible(flow) && flow_entitled(flow);
}

/*
 * Whose turn it is among those of a class, or NULL. The classes above have been
 * asked before.
 */
static const Flow *class_next(PoolClass *class)
{
    const Flow *flow = fair_queue_next(&class->flows, flow_eligible);

    class->lowest = flow != NULL ? flow->fair.tag : G_MAXINT64;
    return flow;
}

static bool turn_of(Turn *turn, const Flow *flow, bool guaranteed)
{
    *turn = (Turn) {
        .claimant = flow->claimant,
        .priority = flow->priority,
        .guaranteed = guaranteed,
        .estimate = flow->estimate,
    };
    return true;
}

/*
 * A class has to be owed all of a turn: the classes above wait no more often
 * than they must.
 */
bool pool_queue_next(PoolQueue *queue, Turn *turn)
{
    const Flow *first = NULL;

    for (int i = PRIORITY_CLASSES - 1; i >= 0; i--) {
        PoolClass *class = &queue->classes[i];
        const Flow *flow = class_next(class);

        if (first == NULL) {
            first = flow;
        }
        if (flow == NULL || class->owed <= 0) {
            continue;
        }
        flow = fair_queue_next(&class->flows, flow_eligible_and_entitled);
        if (flow != NULL && class->owed >= flow->estimate * 100) {
            return turn_of(turn, flow, true);
        }
    }
    return first != NULL && turn_of(turn, first, false);
}

/* --- Turns --- */

/* Pay with a turn's time what its class is owed. */
static void class_pay(PoolClass *class, const Turn *turn)
{
    gint64 left = class->owed - turn->estimate * 100;

    /*
     * What a class gets because no other wants it must not count against it
     * later.
     */
    class->owed = turn->guaranteed ? left : MIN(class->owed, MAX(left, 0));
}

/*
 * Every class has a claim to a share of the time that was @used; one that wants
 * nothing, or nothing that it would be guaranteed, saves nothing.
 */
static void pool_queue_accrue(PoolQueue *queue, const ClassShares *shares,
                              gint64 used)
{
    for (int i = PRIORITY_CLASSES - 1; i >= 0; i--) {
        PoolClass *class = &queue->classes[i];

        class_next(class);
        class->owed += used * shares->percent[i];
        if (fair_queue_next(&class->flows, flow_entitled) == NULL) {
            class->owed = MIN(class->owed, 0);
        }
    }
}

void turn_start(Turn *turn, unsigned weight)
{
    Flow *flow = &turn->claimant->flows[turn->priority];
    PoolClass *class = &turn->claimant->queue->classes[turn->priority];

    turn->charged = fair_queue_start(&class->flows, &flow->fair, weight,
                                     turn->estimate);
    class_pay(class, turn);
    flow->running++;
}

void turn_finish(const Turn *turn, unsigned weight, gint64 used,
                 const ClassShares *shares)
{
    Claimant *claimant = turn->claimant;
    Flow *flow = &claimant->flows[turn->priority];
    PoolClass *class = &claimant->queue->classes[turn->priority];

    fair_queue_finish(&class->flows, &flow->fair, weight, turn->charged,
                      used);
    flow->running--;
    for (int i = 0; i < PRIORITY_CLASSES; i++) {
        if (i != (int)turn->priority) {
            flow_follow(&claimant->flows[i], weight, used);
        }
    }
    if (turn->guaranteed) {
        class->owed += (turn->estimate - used) * 100;
    }
    pool_queue_accrue(claimant->queue, shares, used);
    flow->estimate += (used - flow->estimate) / 4;
}
