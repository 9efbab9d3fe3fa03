/*
 * What of each VM waits and runs: its contexts' lanes, and what it shares
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vm-lanes.h"

Share *task_share(const Task *task)
{
    return &task->lane->owner->shares[task->local ? LOCAL : task->pool];
}

/* --- Turns --- */

void share_end_pause(Share *share)
{
    if (share->pause != 0) {
        share->pause = 0;
        claimant_release(&share->claimant, share->paused);
    }
}

void share_end_turn(Share *share)
{
    share_end_pause(share);
    if (share->turns != NULL) {
        g_queue_unlink(share->turns, &share->turn);
        share->turns = NULL;
    }
}

/* --- Readiness --- */

/* The mediator's own is for whoever wants it, one after the other. */
static void share_go_round(Share *share)
{
    const bool waits = share->ready > 0, waited = share->in_round.data != NULL;

    if (waits && !waited) {
        share->in_round.data = share;
        g_queue_push_tail_link(share->round, &share->in_round);
    } else if (!waits && waited) {
        g_queue_unlink(share->round, &share->in_round);
        share->in_round.data = NULL;
    }
}

/* Its claimant waits where a lane is ready. */
static void share_claim(Share *share, unsigned priority)
{
    const bool waits = share->boosted[priority].length +
                       share->plain[priority].length > 0;

    if (share->round != NULL) {
        share_go_round(share);
    } else if (waits && !claimant_waits(&share->claimant, priority)) {
        claimant_join(&share->claimant, priority);
    } else if (!waits && claimant_waits(&share->claimant, priority)) {
        claimant_leave(&share->claimant, priority);
    }
}

/*
 * An order's patient tasks go to the worker one behind the other, and one that
 * is local waits until those have ended. A mailbox has one request at a time,
 * and what is executed of it may be the one before, which is being stopped.
 */
static bool order_is_ready(const Order *order, const Task *first)
{
    const Lane *lane = order->lane;

    if (first == NULL || (!first->local && !lane->place)) {
        return false;
    }
    return first->patient
           ? lane->owner->delayed == 0 && (!first->local || order->running == 0)
           : first->local || order->running == 0;
}

static void order_unready(Order *order)
{
    Ready *ready = order->ready;

    if (ready == NULL) {
        return;
    }
    order->ready = NULL;
    g_queue_unlink(&ready->orders, &order->link);
    if (ready->orders.length == 0) {
        g_queue_unlink(ready->queue, &ready->link);
        ready->share->ready--;
        share_claim(ready->share, ready->priority);
    }
}

/* It is ready where its first task may start. */
static void order_settle(Order *order)
{
    const Task *first = g_queue_peek_head(&order->tasks);
    Ready *ready = NULL;

    if (order_is_ready(order, first)) {
        ready = &order->lane->ready[first->local]
                                   [first->boost && !first->patient]
                                   [first->priority];
    }
    if (ready == order->ready) {
        return;
    }
    order_unready(order);
    if (ready == NULL) {
        return;
    }
    order->ready = ready;
    g_queue_push_tail_link(&ready->orders, &order->link);
    if (ready->orders.length == 1) {
        g_queue_push_tail_link(ready->queue, &ready->link);
        ready->share->ready++;
        share_claim(ready->share, ready->priority);
    }
}

static Task *ready_first(const Ready *ready)
{
    const Order *order = g_queue_peek_head((GQueue *)&ready->orders);

    return order != NULL ? order->tasks.head->data : NULL;
}

Task *share_first(const Share *share, unsigned priority)
{
    const GQueue *ready = share->boosted[priority].length > 0
                          ? &share->boosted[priority]
                          : &share->plain[priority];

    return ready_first(ready->head->data);
}

Task *share_go_on(Share *share)
{
    unsigned priority = PRIORITY_CLASSES - 1;

    while (share->boosted[priority].length + share->plain[priority].length ==
           0) {
        priority--;
    }
    g_queue_unlink(share->round, &share->in_round);
    g_queue_push_tail_link(share->round, &share->in_round);
    return share_first(share, priority);
}

Task *lane_first(const Lane *lane, unsigned priority)
{
    Task *boosted = ready_first(&lane->ready[false][true][priority]);

    return boosted != NULL ? boosted
                           : ready_first(&lane->ready[false][false][priority]);
}

/* --- Orders --- */

static Order *order_of(Lane *lane, uint32_t number)
{
    Order *order = g_hash_table_lookup(lane->orders,
                                       GUINT_TO_POINTER(number));

    if (order == NULL) {
        order = g_new0(Order, 1);
        order->lane = lane;
        order->number = number;
        order->link.data = order;
        g_hash_table_insert(lane->orders, GUINT_TO_POINTER(number), order);
    } else if (order == lane->idle) {
        lane->idle = NULL;
    }
    return order;
}

/* One without tasks is kept, since it will have some soon. */
static void order_check_idle(Order *order)
{
    Lane *lane = order->lane;

    if (order->running > 0 || order->tasks.length > 0) {
        return;
    }
    if (lane->idle != NULL) {
        g_hash_table_remove(lane->orders,
                            GUINT_TO_POINTER(lane->idle->number));
    }
    lane->idle = order;
}

static void lane_settle(const Lane *lane)
{
    GHashTableIter orders;
    gpointer order;

    g_hash_table_iter_init(&orders, lane->orders);
    while (g_hash_table_iter_next(&orders, NULL, &order)) {
        order_settle(order);
    }
}

/* --- Places --- */

/* @lane may wish another thing than it did; somebody has to be told. */
static void lane_wish(Lane *lane)
{
    GQueue *wishes = lane->owner->wishes;
    const bool changed = lane->told != (lane->wishing > 0);
    const bool queued = lane->wish.data != NULL;

    if (changed && !queued) {
        lane->wish.data = lane;
        g_queue_push_tail_link(wishes, &lane->wish);
    } else if (queued && !changed) {
        g_queue_unlink(wishes, &lane->wish);
        lane->wish.data = NULL;
    }
}

Wish lane_tell_wish(Lane *lane)
{
    lane->told = !lane->told;
    lane_wish(lane);
    return (Wish) {
        .vm = lane->owner->vm,
        .pool = lane->pool,
        .context = lane->context,
        .place = lane->told,
    };
}

void lane_set_place(Lane *lane, bool place)
{
    lane->place = place;
    lane_settle(lane);
    if (!place) {
        lane->told = false;
    }
    lane_wish(lane);
}

/* --- Tasks --- */

/* Patient ones wait for a place that is on its way. */
static bool task_wishes(const Task *task)
{
    return !task->local && !task->patient;
}

void lane_add(Lane *lane, Task *task)
{
    Order *order = order_of(lane, task->order);

    task->lane = lane;
    task->in_order = order;
    task->link = (GList) { .data = task };
    g_queue_push_tail_link(&order->tasks, &task->link);
    lane->used++;
    lane->wishing += task_wishes(task);
    lane->owner->waiting++;
    lane->owner->patient += task->patient;
    order_settle(order);
    lane_wish(lane);
}

void lane_remove(Task *task)
{
    Lane *lane = task->lane;
    Order *order = task->in_order;

    g_queue_unlink(&order->tasks, &task->link);
    lane->wishing -= task_wishes(task);
    lane->owner->waiting--;
    lane->owner->patient -= task->patient;
    order_settle(order);
    order_check_idle(order);
    lane_wish(lane);
}

void lane_start(Task *task, gint64 estimate)
{
    Lane *lane = task->lane;
    Order *order = task->in_order;
    Ready *ready = order->ready;

    /* Others have their turn before it has another. */
    g_queue_unlink(&ready->orders, &order->link);
    g_queue_push_tail_link(&ready->orders, &order->link);
    g_queue_unlink(ready->queue, &ready->link);
    g_queue_push_tail_link(ready->queue, &ready->link);
    if (!task->local) {
        order->running++;
        lane->running++;
        lane->ahead += estimate;
    }
    lane->owner->running++;
    lane_remove(task);
}

void lane_finish(Task *task, gint64 estimate)
{
    Lane *lane = task->lane;
    Order *order = task->in_order;

    lane->owner->running--;
    if (!task->local) {
        order->running--;
        lane->running--;
        lane->ahead -= estimate;
        order_settle(order);
        order_check_idle(order);
    }
}

static void list_tasks(gpointer number G_GNUC_UNUSED, gpointer order,
                       gpointer list)
{
    GQueue *tasks = list;

    for (GList *link = ((Order *)order)->tasks.head; link; link = link->next) {
        g_queue_push_tail(tasks, link->data);
    }
}

void lane_foreach(Lane *lane, TaskVisitor visitor, gpointer opaque)
{
    GQueue tasks = G_QUEUE_INIT;

    /* The orders may go with their tasks. */
    g_hash_table_foreach(lane->orders, list_tasks, &tasks);
    g_queue_foreach(&tasks, visitor, opaque);
    g_queue_clear(&tasks);
}

/* --- Lanes and VMs --- */

static void lane_free(gpointer opaque)
{
    Lane *lane = opaque;

    g_assert(lane->used == 0);
    if (lane->wish.data != NULL) {
        g_queue_unlink(lane->owner->wishes, &lane->wish);
    }
    g_hash_table_unref(lane->orders);
    g_free(lane);
}

void lane_end(Lane *lane)
{
    lane->ended = true;
    if (lane->used == 0) {
        g_hash_table_remove(lane->owner->lanes[lane->pool], &lane->context);
    }
}

void lane_unuse(Lane *lane)
{
    lane->used--;
    if (lane->ended) {
        lane_end(lane);
    }
}

Lane *lane_find(VmTasks *tasks, PoolId pool, uint64_t context)
{
    return g_hash_table_lookup(tasks->lanes[pool], &context);
}

static Lane *lane_new(VmTasks *tasks, PoolId pool, uint64_t context)
{
    Lane *lane = g_new0(Lane, 1);

    lane->owner = tasks;
    lane->pool = pool;
    lane->context = context;
    lane->orders = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (unsigned i = 0; i < 4 * PRIORITY_CLASSES; i++) {
        const bool local = i & 1, boosted = i & 2;
        const unsigned priority = i / 4;
        Share *share = &tasks->shares[local ? LOCAL : pool];

        lane->ready[local][boosted][priority] = (Ready) {
            .share = share,
            .priority = priority,
            .queue = &(boosted ? share->boosted : share->plain)[priority],
            .link.data = &lane->ready[local][boosted][priority],
        };
    }
    return lane;
}

Lane *lane_of(VmTasks *tasks, PoolId pool, uint64_t context)
{
    Lane *lane = lane_find(tasks, pool, context);

    if (lane == NULL) {
        lane = lane_new(tasks, pool, context);
        g_hash_table_insert(tasks->lanes[pool], &lane->context, lane);
    }
    return lane;
}

void vm_tasks_delay(VmTasks *tasks, gint64 when)
{
    tasks->delayed = when;
    for (PoolId pool = 0; pool < POOLS; pool++) {
        GHashTableIter lanes;
        gpointer lane;

        g_hash_table_iter_init(&lanes, tasks->lanes[pool]);
        while (g_hash_table_iter_next(&lanes, NULL, &lane)) {
            lane_settle(lane);
        }
    }
}

static void share_init(Share *share, VmTasks *owner, PoolQueue *queue)
{
    share->owner = owner;
    share->turn.data = share;
    claimant_init(&share->claimant, queue, share);
    for (unsigned kind = 0; kind < TASK_KINDS; kind++) {
        share->estimates[kind] = POOL_QUEUE_FIRST_ESTIMATE;
    }
}

VmTasks *vm_tasks_new(Vm *vm, PoolQueue *const *queues, GQueue *round,
                      GQueue *vms, GQueue *wishes)
{
    VmTasks *tasks = g_new0(VmTasks, 1);

    tasks->vm = vm;
    tasks->vms = vms;
    tasks->wishes = wishes;
    tasks->bucket = TOKEN_BUCKET_FULL;
    tasks->shares[LOCAL].owner = tasks;
    tasks->shares[LOCAL].round = round;
    for (PoolId pool = 0; pool < POOLS; pool++) {
        share_init(&tasks->shares[pool], tasks, queues[pool]);
        tasks->lanes[pool] = g_hash_table_new_full(g_int64_hash,
                                                   g_int64_equal, NULL,
                                                   lane_free);
    }
    tasks->link.data = tasks;
    g_queue_push_tail_link(vms, &tasks->link);
    return tasks;
}

void vm_tasks_free(gpointer opaque)
{
    VmTasks *tasks = opaque;

    for (PoolId pool = 0; pool < POOLS; pool++) {
        g_hash_table_unref(tasks->lanes[pool]);
        /* It may have waited for what does not come any more. */
        share_end_turn(&tasks->shares[pool]);
    }
    g_queue_unlink(tasks->vms, &tasks->link);
    g_free(tasks);
}
