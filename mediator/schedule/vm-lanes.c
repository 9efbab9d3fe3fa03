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

/* --- Readiness --- */

/* Its claimant waits where a lane is ready. */
static void share_claim(Share *share, unsigned priority)
{
    const bool waits = share->boosted[priority].length +
                       share->plain[priority].length > 0;

    if (waits && !claimant_waits(&share->claimant, priority)) {
        claimant_join(&share->claimant, priority);
    } else if (!waits && claimant_waits(&share->claimant, priority)) {
        claimant_leave(&share->claimant, priority);
    }
}

/*
 * A context's patient tasks go to its worker one behind the other, and one that
 * is local waits until those have ended. A mailbox has one request at a time,
 * and what is executed of it may be the one before, which is being stopped.
 */
static bool lane_is_ready(const Lane *lane, const Task *first)
{
    if (first == NULL || (!first->local && !lane->place)) {
        return false;
    }
    return first->patient
           ? lane->owner->delayed == 0 && (!first->local || lane->running == 0)
           : first->local || lane->running == 0;
}

static void lane_unready(Lane *lane)
{
    Share *share = lane->share;

    if (share != NULL) {
        g_queue_unlink(lane->ready, &lane->link);
        share->ready--;
        lane->share = NULL;
        lane->ready = NULL;
        share_claim(share, lane->priority);
    }
}

/* It is ready where its first task may start. */
static void lane_settle(Lane *lane)
{
    const Task *first = g_queue_peek_head(&lane->tasks);
    GQueue *ready = NULL;
    Share *share = NULL;

    if (lane_is_ready(lane, first)) {
        share = task_share(first);
        ready = &(first->boost && !first->patient
                  ? share->boosted : share->plain)[first->priority];
    }
    if (ready == lane->ready) {
        return;
    }
    lane_unready(lane);
    if (ready != NULL) {
        lane->share = share;
        lane->priority = first->priority;
        lane->ready = ready;
        lane->link = (GList) { .data = lane };
        g_queue_push_tail_link(ready, &lane->link);
        share->ready++;
        share_claim(share, lane->priority);
    }
}

Task *share_first(const Share *share, unsigned priority)
{
    const GQueue *ready = share->boosted[priority].length > 0
                          ? &share->boosted[priority]
                          : &share->plain[priority];
    const Lane *lane = ready->head->data;

    return lane->tasks.head->data;
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
    task->lane = lane;
    task->link = (GList) { .data = task };
    g_queue_push_tail_link(&lane->tasks, &task->link);
    lane->used++;
    lane->wishing += task_wishes(task);
    lane->owner->waiting++;
    lane->owner->patient += task->patient;
    lane_settle(lane);
    lane_wish(lane);
}

void lane_remove(Task *task)
{
    Lane *lane = task->lane;

    g_queue_unlink(&lane->tasks, &task->link);
    lane->wishing -= task_wishes(task);
    lane->owner->waiting--;
    lane->owner->patient -= task->patient;
    lane_settle(lane);
    lane_wish(lane);
}

void lane_start(Lane *lane, gint64 estimate)
{
    Task *task = lane->tasks.head->data;

    /* Other lanes of the VM have their turn before it has another. */
    g_queue_unlink(lane->ready, &lane->link);
    g_queue_push_tail_link(lane->ready, &lane->link);
    lane->running++;
    lane->ahead += estimate;
    lane->owner->running++;
    lane_remove(task);
}

void lane_finish(Lane *lane, gint64 estimate)
{
    lane->running--;
    lane->ahead -= estimate;
    lane->owner->running--;
    lane_settle(lane);
}

/* --- Lanes and VMs --- */

static void lane_free(gpointer opaque)
{
    Lane *lane = opaque;

    g_assert(lane->used == 0);
    if (lane->wish.data != NULL) {
        g_queue_unlink(lane->owner->wishes, &lane->wish);
    }
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

Lane *lane_of(VmTasks *tasks, PoolId pool, uint64_t context)
{
    Lane *lane = lane_find(tasks, pool, context);

    if (lane == NULL) {
        lane = g_new0(Lane, 1);
        lane->owner = tasks;
        lane->pool = pool;
        lane->context = context;
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

static void share_init(Share *share, VmTasks *owner, unsigned place,
                       PoolQueue *queue)
{
    share->owner = owner;
    share->place = place;
    claimant_init(&share->claimant, queue, share);
    for (unsigned kind = 0; kind < TASK_KINDS; kind++) {
        share->estimates[kind] = POOL_QUEUE_FIRST_ESTIMATE;
    }
}

VmTasks *vm_tasks_new(Vm *vm, PoolQueue *const *queues, GQueue *vms,
                      GQueue *wishes)
{
    VmTasks *tasks = g_new0(VmTasks, 1);

    tasks->vm = vm;
    tasks->vms = vms;
    tasks->wishes = wishes;
    tasks->bucket = TOKEN_BUCKET_FULL;
    for (unsigned place = 0; place < PLACES; place++) {
        share_init(&tasks->shares[place], tasks, place, queues[place]);
    }
    for (PoolId pool = 0; pool < POOLS; pool++) {
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
    }
    g_queue_unlink(tasks->vms, &tasks->link);
    g_free(tasks);
}
