/*
 * Whose requests are at a pool's workers, and for how long
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "turns.h"

/* --- Turns --- */

static bool share_has_turn(const Share *share)
{
    return share->turns != NULL;
}

static void turns_begin(Turns *turns, Share *share)
{
    if (!share_has_turn(share)) {
        share->turns = &turns->shares;
        g_queue_push_tail_link(share->turns, &share->turn);
    }
}

/* --- Turns that wait for their VM --- */

void turns_arrive(Share *share, gint64 now)
{
    if (share->lane == NULL && share->ready == 0) {
        share->think = now - share->idle;
    }
}

/*
 * The worker has answered everything of @share, at the end something of this
 * priority: its turn ends, or waits.
 */
static void share_pause(Share *share, unsigned priority, gint64 now)
{
    share->idle = now;
    if (share->ready > 0 || share->think >= share->credit) {
        share_end_turn(share);
    } else if (share_has_turn(share)) {
        share->pause = now + share->credit;
        share->paused = priority;
        claimant_hold(&share->claimant, priority);
    }
}

void turns_end_pauses(Turns *turns, gint64 now)
{
    GList *next;

    for (GList *link = turns->shares.head; link != NULL; link = next) {
        Share *share = link->data;

        next = link->next;
        if (share->pause != 0 && share->pause <= now) {
            share->credit = 0;
            share_end_turn(share);
        }
    }
}

gint64 turns_next_event(const Turns *turns)
{
    gint64 when = G_MAXINT64;

    for (const GList *link = turns->shares.head; link; link = link->next) {
        const Share *share = link->data;

        when = share->pause != 0 ? MIN(when, share->pause) : when;
    }
    return when;
}

/* One that waits though @use is before it waits no more. */
static void turns_yield(Turns *turns, const Use *use)
{
    for (const GList *link = turns->shares.head; link; link = link->next) {
        Share *share = link->data;

        if (share->pause != 0 &&
            !claimant_precedes(&share->claimant, share->paused, use)) {
            share_end_turn(share);
            return;
        }
    }
}

/*
 * What @share has used counts for what its turn may wait. Between two long kernels
 * a program has some short requests, which are not what it would wait for.
 */
static void share_earn(Share *share, gint64 used)
{
    share->longest -= share->longest / PAUSE_MEMORY;
    share->longest = MAX(share->longest, used);
    share->credit = MIN(share->credit + used / PAUSE_PART,
                        MIN(share->longest / PAUSE_PART, PAUSE_MOST_US));
}

/* --- Who may start something --- */

/* Whether another lane of @share waits, which has to be before this one */
static bool share_has_to_go(const Share *share, unsigned priority)
{
    for (int i = priority + 1; i < PRIORITY_CLASSES; i++) {
        if (share->boosted[i].length + share->plain[i].length > 0) {
            return true;
        }
    }
    return share->left <= 0 && share->ready > 1;
}

static bool lane_window_open(const Lane *lane)
{
    return lane->ahead < WINDOW_US ||
           (lane->running < WINDOW_REQUESTS && lane->ahead < WINDOW_LONG_US);
}

/* Whether @share may go on with the turn that it has */
static bool share_may_go_on(const Share *share, unsigned priority)
{
    return share_has_turn(share) && lane_first(share->lane, priority) &&
           lane_window_open(share->lane) && !share_has_to_go(share, priority);
}

static bool share_eligible(gconstpointer opaque, unsigned priority)
{
    const Share *share = opaque;
    const VmTasks *tasks = share->owner;

    return tasks->running < vm_limits(tasks->vm)->in_flight &&
           (share->lane == NULL || share_may_go_on(share, priority));
}

/* --- Who does --- */

/* There is no slot for who is next, as @use says: a turn may still go on. */
static Task *turns_go_on(const Turns *turns, Use *use)
{
    for (const GList *link = turns->shares.head; link; link = link->next) {
        Share *share = link->data;

        for (int i = PRIORITY_CLASSES - 1;
             share->extra > 0 && i >= (int)use->priority; i--) {
            if (share->lane != NULL && share_eligible(share, i)) {
                claimant_use(&share->claimant, i, use);
                return lane_first(share->lane, i);
            }
        }
    }
    return NULL;
}

/* Whether another turn may begin */
static bool turns_have_slot(const Turns *turns)
{
    unsigned taken = 0;

    if (turns->shares.length < turns->slots) {
        return true;
    }
    for (const GList *link = turns->shares.head; link; link = link->next) {
        taken += ((const Share *)link->data)->travelling == 0;
    }
    return taken < turns->slots &&
           turns->shares.length < turns->slots + TURNS_TRAVELLING;
}

Task *turns_next(Turns *turns, Use *use)
{
    const Share *share;
    Task *task;

    if (turns->slots == 0 || !pool_queue_next(&turns->queue, use)) {
        return NULL;
    }
    share = use->claimant->owner;
    if (!share_has_turn(share) && !turns_have_slot(turns)) {
        turns_yield(turns, use);
    }
    if (share->lane != NULL) {
        task = lane_first(share->lane, use->priority);
    } else if (share_has_turn(share) || turns_have_slot(turns)) {
        task = share_first(share, use->priority);
    } else {
        task = turns_go_on(turns, use);
    }
    if (task != NULL) {
        use->estimate = task_share(task)->estimates[task->kind];
    }
    return task;
}

void turns_start(Turns *turns, Task *task, const Use *use, gint64 now)
{
    Share *share = task_share(task);

    task->use = *use;
    task->travels = false;
    task->at_work = 0;
    use_start(&task->use, vm_limits(task->vm)->weight);
    device_time_begin(&turns->time, &share->time, now);
    if (share->lane == NULL) {
        if (share->pause != 0) {
            share->credit -= MIN(now - share->idle, share->credit);
            share_end_pause(share);
        }
        share->lane = task->lane;
        share->left = TURN_US;
        turns_begin(turns, share);
    }
    if (!use->extra) {
        share->extra = TURN_EXTRA_US;
        share->spent = 0;
    }
    share->left -= use->estimate;
    share->extra -= use->estimate;
    lane_start(task, use->estimate);
}

void turns_travel(Turns *turns, Task *task, bool travels, gint64 now)
{
    Share *share = task_share(task);

    if (travels == task->travels) {
        return;
    }
    task->travels = travels;
    if (travels) {
        task->at_work += device_time_end(&turns->time, &share->time, now);
        share->travelling++;
    } else {
        device_time_begin(&turns->time, &share->time, now);
        share->travelling--;
    }
}

/* As the task has ended, its bytes have come. Returns its time at work. */
static gint64 task_end_work(Turns *turns, Task *task, gint64 now)
{
    turns_travel(turns, task, true, now);
    task_share(task)->travelling--;
    return task->device_us > 0 ? MIN(task->at_work, task->device_us)
                               : task->at_work;
}

gint64 turns_finish(Turns *turns, Task *task, const ClassShares *shares,
                    gint64 now)
{
    Share *share = task_share(task);
    const Lane *lane = task->lane;
    const gint64 used = task_end_work(turns, task, now);
    gint64 *estimate = &share->estimates[task->kind];

    *estimate += (used - *estimate) / 4;
    lane_finish(task, task->use.estimate);
    share->spent += used;
    share_earn(share, used);
    if (lane->running == 0) {
        share->lane = NULL;
        share_pause(share, task->use.priority, now);
    } else if (share->spent > TURN_OVERRUN_US) {
        share_end_turn(share);
    }
    /* What costs nothing could run for ever. */
    use_finish(&task->use, vm_limits(task->vm)->weight, MAX(used, 1), shares);
    /* While it had a slot it was passed over for others, that is a pause. */
    claimant_catch_up(&share->claimant);
    return used;
}

void turns_init(Turns *turns)
{
    turns->queue.eligible = share_eligible;
}
