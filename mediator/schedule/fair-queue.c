/*
 * Weighted fair queuing: whose turn it is, by what each has used
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fair-queue.h"

static gint64 virtual_cost(gint64 cost, unsigned weight)
{
    return cost * FAIR_QUEUE_UNIT / weight;
}

/* Between two busy times there is nothing to be fair about. */
static void fair_queue_settle(FairQueue *queue)
{
    if (queue->waiting.length == 0 && queue->running == 0) {
        queue->now = queue->latest;
    }
}

void fair_queue_join(FairQueue *queue, FairFlow *flow, gpointer owner)
{
    fair_queue_catch_up(queue, flow);
    flow->link.data = owner;
    flow->waiting = true;
    g_queue_push_tail_link(&queue->waiting, &flow->link);
}

void fair_queue_leave(FairQueue *queue, FairFlow *flow)
{
    g_queue_unlink(&queue->waiting, &flow->link);
    flow->waiting = false;
    fair_queue_settle(queue);
}

static FairFlow *flow_of(GList *link)
{
    return (FairFlow *)((char *)link - offsetof(FairFlow, link));
}

gpointer fair_queue_next(const FairQueue *queue, FairEligible eligible)
{
    FairFlow *best = NULL;

    for (GList *link = queue->waiting.head; link; link = link->next) {
        FairFlow *flow = flow_of(link);

        if ((best == NULL || flow->tag < best->tag) && eligible(link->data)) {
            best = flow;
        }
    }
    return best ? best->link.data : NULL;
}

void fair_queue_reach(FairQueue *queue, const FairFlow *flow)
{
    queue->now = MAX(queue->now, flow->tag);
}

gint64 fair_queue_start(FairQueue *queue, FairFlow *flow, unsigned weight,
                        gint64 cost)
{
    gint64 charged = virtual_cost(cost, weight);

    queue->running++;
    flow->tag += charged;
    return charged;
}

void fair_queue_finish(FairQueue *queue, FairFlow *flow, unsigned weight,
                       gint64 charged, gint64 cost)
{
    flow->tag += virtual_cost(cost, weight) - charged;
    queue->latest = MAX(queue->latest, flow->tag);
    queue->running--;
    fair_queue_settle(queue);
}

void fair_queue_hold(FairQueue *queue)
{
    queue->running++;
}

void fair_queue_release(FairQueue *queue)
{
    queue->running--;
    fair_queue_settle(queue);
}

void fair_queue_follow(const FairQueue *queue, FairFlow *flow,
                       unsigned weight, gint64 cost, gint64 most)
{
    const gint64 tag = MAX(flow->tag, queue->now) + virtual_cost(cost, weight);

    flow->tag = MAX(flow->tag,
                    MIN(tag, queue->now + virtual_cost(most, weight)));
}

void fair_queue_catch_up(const FairQueue *queue, FairFlow *flow)
{
    flow->tag = MAX(flow->tag, queue->now);
}
