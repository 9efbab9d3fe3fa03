/*
 * Who may use a pool next: classes, shares, and one claim for each
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pool-queue.h"

/* --- Claimants --- */

void claimant_init(Claimant *claimant, PoolQueue *queue, gpointer owner)
{
    claimant->queue = queue;
    claimant->owner = owner;
    for (int i = 0; i < PRIORITY_CLASSES; i++) {
        claimant->flows[i] = (Flow) {
            .claimant = claimant,
            .priority = i,
            .estimate = POOL_QUEUE_FIRST_ESTIMATE,
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
 * A claimant's use of @used µs in another class counts in this one as well. In
 * one where it claims nothing no more than one use does: a guaranteed share
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

/* --- Who is next --- */

static bool flow_eligible(gconstpointer opaque)
{
    const Flow *flow = opaque;

    return flow->claimant->queue->eligible(flow->claimant->owner,
                                           flow->priority);
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
 * Who is next among those of a class, or NULL. The classes above have been
 * asked before.
 */
static const Flow *class_next(PoolClass *class)
{
    const Flow *flow = fair_queue_next(&class->flows, flow_eligible);

    class->lowest = flow != NULL ? flow->fair.tag : G_MAXINT64;
    return flow;
}

static bool use_of(Use *use, const Flow *flow, bool guaranteed)
{
    *use = (Use) {
        .claimant = flow->claimant,
        .priority = flow->priority,
        .guaranteed = guaranteed,
        .estimate = flow->estimate,
    };
    return true;
}

/*
 * A class has to be owed all of a use: the classes above wait no more often
 * than they must.
 */
bool pool_queue_next(PoolQueue *queue, Use *use)
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
            return use_of(use, flow, true);
        }
    }
    return first != NULL && use_of(use, first, false);
}

void claimant_hold(Claimant *claimant, unsigned priority)
{
    fair_queue_hold(&claimant->queue->classes[priority].flows);
}

void claimant_release(Claimant *claimant, unsigned priority)
{
    fair_queue_release(&claimant->queue->classes[priority].flows);
}

bool claimant_precedes(const Claimant *claimant, unsigned priority,
                       const Use *use)
{
    return !use->guaranteed &&
           (priority > use->priority ||
            (priority == use->priority &&
             claimant->flows[priority].fair.tag <
             use->claimant->flows[priority].fair.tag));
}

void claimant_use(Claimant *claimant, unsigned priority, Use *use)
{
    use_of(use, &claimant->flows[priority], false);
    use->extra = true;
}

/* --- Uses --- */

/* Pay with a use's time what its class is owed. */
static void class_pay(PoolClass *class, const Use *use)
{
    gint64 left = class->owed - use->estimate * 100;

    /*
     * What a class gets because no other wants it must not count against it
     * later.
     */
    class->owed = use->guaranteed ? left : MIN(class->owed, MAX(left, 0));
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

void use_start(Use *use, unsigned weight)
{
    Flow *flow = &use->claimant->flows[use->priority];
    PoolClass *class = &use->claimant->queue->classes[use->priority];

    if (!use->extra) {
        fair_queue_reach(&class->flows, &flow->fair);
    }
    use->charged = fair_queue_start(&class->flows, &flow->fair, weight,
                                    use->estimate);
    class_pay(class, use);
    flow->running++;
}

void use_finish(const Use *use, unsigned weight, gint64 used,
                const ClassShares *shares)
{
    Claimant *claimant = use->claimant;
    Flow *flow = &claimant->flows[use->priority];
    PoolClass *class = &claimant->queue->classes[use->priority];

    fair_queue_finish(&class->flows, &flow->fair, weight, use->charged,
                      used);
    flow->running--;
    for (int i = 0; i < PRIORITY_CLASSES; i++) {
        if (i != (int)use->priority) {
            flow_follow(&claimant->flows[i], weight, used);
        }
    }
    if (use->guaranteed) {
        class->owed += (use->estimate - used) * 100;
    }
    pool_queue_accrue(claimant->queue, shares, used);
    flow->estimate += (used - flow->estimate) / 4;
}
