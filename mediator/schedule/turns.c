/*
 * Whose requests are at a pool's workers, and for how long
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "turns.h"

/* --- Who may start something --- */

static bool share_has_turn(const Share *share)
{
    return share->turn.data != NULL;
}

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
            if (share_eligible(share, i)) {
                claimant_use(&share->claimant, i, use);
                return lane_first(share->lane, i);
            }
        }
    }
    return NULL;
}

Task *turns_next(Turns *turns, Use *use)
{
    const Share *share;
    Task *task;

    if (turns->slots == 0 || !pool_queue_next(&turns->queue, use)) {
        return NULL;
    }
    share = use->claimant->owner;
    if (share_has_turn(share)) {
        task = lane_first(share->lane, use->priority);
    } else if (turns->shares.length < turns->slots) {
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
    use_start(&task->use, vm_limits(task->vm)->weight);
    device_time_begin(&turns->time, &share->time, now);
    if (share->lane == NULL) {
        share->lane = task->lane;
        share->left = TURN_US;
        share->turn.data = share;
        g_queue_push_tail_link(&turns->shares, &share->turn);
    }
    if (!use->extra) {
        share->extra = TURN_EXTRA_US;
        share->spent = 0;
    }
    share->left -= use->estimate;
    share->extra -= use->estimate;
    lane_start(task, use->estimate);
}

static void turns_end(Turns *turns, Share *share)
{
    if (share_has_turn(share)) {
        g_queue_unlink(&turns->shares, &share->turn);
        share->turn.data = NULL;
    }
}

gint64 turns_finish(Turns *turns, Task *task, const ClassShares *shares,
                    gint64 now)
{
    Share *share = task_share(task);
    const Lane *lane = task->lane;
    const gint64 passed = device_time_end(&turns->time, &share->time, now);
    const gint64 used = task->device_us > 0 ? MIN(passed, task->device_us)
                                            : passed;
    gint64 *estimate = &share->estimates[task->kind];

    *estimate += (used - *estimate) / 4;
    lane_finish(task, task->use.estimate);
    share->spent += used;
    if (lane->running == 0) {
        share->lane = NULL;
    }
    if (lane->running == 0 || share->spent > TURN_OVERRUN_US) {
        turns_end(turns, share);
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
