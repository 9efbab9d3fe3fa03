/*
 * Whose requests are at a pool's workers, and for how long
 *
 * A part of the scheduler. A slot of the pool is a VM's turn, in which one of
 * its contexts has requests at its worker, of all its orders: a window of them, so
 * that the worker is not idle between two, and so few that whoever comes has not
 * long to wait.
 * A turn goes on as long as nobody is before the VM (pool-queue.h), and for
 * TURN_EXTRA_US more, but not for longer than TURN_US when other contexts of the
 * VM wait. It has ended when the worker has answered everything.
 *
 * A program that waits for each result has nothing at its worker for a moment
 * after each. If the slot went to others then, it would have every second turn,
 * whatever its VM's weight. So its turn waits for it as long as it would be
 * before those who wait, for an eighth of what its VM computes.
 *
 * While bytes of it are on their way to a worker elsewhere, or back, a turn has no
 * slot. When they have come it has one again, though there may be none: nobody
 * else begins until there is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_TURNS_H
#define MEDIATOR_TURNS_H

#include "vm-lanes.h"

/*
 * µs, estimated: so much is at a worker, or the request with which it is more;
 * and requests: so many there may be, if …
 */
#define WINDOW_US 1000
#define WINDOW_REQUESTS 4

/*
 * … µs, estimated: behind what takes so long there is nothing until it has ended.
 * The worker's pause counts for nothing beside it, but who waits has to wait
 * for both.
 */
#define WINDOW_LONG_US 10000

/* µs, estimated: so much does a context have before others of its VM */
#define TURN_US 1000

/* µs, estimated: so that a turn does not end with each request while others wait */
#define TURN_EXTRA_US 500

/*
 * µs: when what is at the worker takes that much longer than was thought, others
 * need not wait for the rest of it.
 */
#define TURN_OVERRUN_US 10000

/*
 * Such a part of what a VM computes may a turn wait for it, and of its longest
 * request lately at once, of which that part is forgotten with each; and no longer
 * than so many µs, for what may never come
 */
#define PAUSE_PART 8
#define PAUSE_MEMORY 16
#define PAUSE_MOST_US 100000

/* So many turns there may be beside those that have slots */
#define TURNS_TRAVELLING 8

/* Zero at first, but for `queue.eligible` */
typedef struct Turns {
    PoolQueue queue;
    unsigned slots;
    GQueue shares;              /* Share whose turn it is */
    DeviceTime time;
} Turns;

void turns_init(Turns *turns);

/* A task of @share is about to wait. */
void turns_arrive(Share *share, gint64 now);

/* Turns that have waited for their VM long enough end. */
void turns_end_pauses(Turns *turns, gint64 now);

/* When the call above has something to do; G_MAXINT64: not unless more happens */
gint64 turns_next_event(const Turns *turns);

/* The task that may start next and @use for turns_start(); NULL for none. */
Task *turns_next(Turns *turns, Use *use);

/* @task, as the call above gave it, starts at @now. */
void turns_start(Turns *turns, Task *task, const Use *use, gint64 now);

/* Its bytes are on their way, as they are not at first; or not any more. */
void turns_travel(Turns *turns, Task *task, bool travels, gint64 now);

/* It has ended. Returns the device time that it had, in µs. */
gint64 turns_finish(Turns *turns, Task *task, const ClassShares *shares,
                    gint64 now);

#endif /* MEDIATOR_TURNS_H */
