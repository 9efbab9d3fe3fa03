/*
 * What of each VM waits and runs: its contexts' lanes, and what it shares
 *
 * A part of the scheduler. A lane is what a context has in a pool: its orders,
 * whose tasks start in the order in which they came. A lane is ready in the VM's
 * share of the pool, or of the mediator for what is local, when the first task of
 * one of its orders may start. In a share the VM's lanes take turns, and in a
 * lane its orders.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_VM_LANES_H
#define MEDIATOR_VM_LANES_H

#include "device-time.h"
#include "scheduler.h"
#include "vms/token-bucket.h"

/* Where tasks run beside the pools: the mediator itself */
#define LOCAL POOLS

typedef struct VmTasks VmTasks;

/* A VM in a pool, or in the mediator */
typedef struct Share {
    VmTasks *owner;
    unsigned ready;             /* of those that are in: */
    GQueue boosted[PRIORITY_CLASSES];   /* Ready */
    GQueue plain[PRIORITY_CLASSES];     /* Ready */

    /* In the mediator */
    GQueue *round;              /* the scheduler's, NULL in a pool; has … */
    GList in_round;             /* … this, while something is ready */

    /* In a pool */
    Claimant claimant;          /* waits where a lane is ready */
    gint64 estimates[TASK_KINDS];       /* µs: what tasks take lately */
    DeviceUser time;

    /* What belongs to turns.h */
    Lane *lane;                 /* whose tasks run; NULL: none do */
    GQueue *turns;              /* the pool's, if it has a turn, that has … */
    GList turn;                 /* … this */
    unsigned travelling;        /* tasks that run and whose bytes are on their way */
    gint64 left;                /* µs, estimated, before its other lanes … */
    gint64 extra;               /* … and before others that were before it */
    gint64 spent;               /* µs since nobody was before it */
    gint64 idle;                /* µs: when its worker had answered everything … */
    gint64 think;               /* µs: … and how long nothing came then, lately */
    gint64 longest;             /* µs: what its longest task took lately */
    gint64 credit;              /* µs: so long may the turn wait for it */
    gint64 pause;               /* µs: until when it does; 0: it does not … */
    unsigned paused;            /* … behind something of this priority */
} Share;

/* What of a lane may start in a share, in a class */
typedef struct Ready {
    Share *share;
    unsigned priority;
    GQueue orders;              /* Order whose first task may start */
    GQueue *queue;              /* the share's that has … */
    GList link;                 /* … this, while there are orders */
} Ready;

/* Tasks of a lane that start in the order in which they came */
typedef struct Order {
    Lane *lane;
    uint32_t number;
    GQueue tasks;               /* Task that waits */
    unsigned running;           /* tasks in the pool */
    Ready *ready;               /* NULL: the first may not start; has … */
    GList link;                 /* … this */
} Order;

/* A context's tasks of a pool, local or not */
struct Lane {
    VmTasks *owner;
    PoolId pool;
    uint64_t context;
    bool place;
    bool told;                  /* the latest wish: to have a place */
    bool ended;                 /* the context has: it goes with its tasks */
    GList wish;                 /* in VmTasks.wishes if it is another now */
    GHashTable *orders;         /* Order.number → Order */
    Order *idle;                /* of them, the one that has no task, or NULL */
    unsigned wishing;           /* tasks that wait and wish for a place */
    unsigned running;           /* tasks in the pool … */
    gint64 ahead;               /* … and what they take together, estimated */
    unsigned used;              /* tasks that are not idle */
    Ready ready[2][2][PRIORITY_CLASSES];    /* by local and boosted */
};

/* What is kept of a VM, as its vm_data() */
struct VmTasks {
    Vm *vm;
    GQueue *vms;                /* the scheduler's, VmTasks, that has … */
    GList link;                 /* … this */
    GQueue *wishes;             /* the scheduler's, Lane */
    TokenBucket bucket;
    TokenBucket due;            /* to patient tasks, since they had to wait */
    gint64 delayed;             /* µs: until when its patient tasks have no
                                 * token; 0: they need not wait for one */
    unsigned waiting;           /* tasks … */
    unsigned patient;           /* … of them, those that are patient */
    unsigned running;
    gint64 used;                /* µs */
    Share shares[POOLS + 1];    /* by pool, and LOCAL */
    GHashTable *lanes[POOLS];   /* Lane.context → Lane */
};

/*
 * The shares of @vm wait in @queues, by pool, and in the @round of those that have
 * local tasks.
 */
VmTasks *vm_tasks_new(Vm *vm, PoolQueue *const *queues, GQueue *round,
                      GQueue *vms, GQueue *wishes);

/* By then all its tasks are idle. */
void vm_tasks_free(gpointer tasks);

/* Its patient tasks have no token until @when, or 0: they need not wait. */
void vm_tasks_delay(VmTasks *tasks, gint64 when);

/* Of @context in @pool: NULL if there is none, or made */
Lane *lane_find(VmTasks *tasks, PoolId pool, uint64_t context);
Lane *lane_of(VmTasks *tasks, PoolId pool, uint64_t context);

void lane_set_place(Lane *lane, bool place);

/* The wish of the first in a queue of wishes, which is told with that */
Wish lane_tell_wish(Lane *lane);

/* A task waits in its context's lane, or not any more. */
void lane_add(Lane *lane, Task *task);
void lane_remove(Task *task);

/* The first task of @share in a class in which it waits */
Task *share_first(const Share *share, unsigned priority);

/*
 * The first of the highest class of @share, which is in the round; others have
 * their turn before it has another.
 */
Task *share_go_on(Share *share);

/* The first task of @lane in its pool in a class; NULL if none is ready in that class. */
Task *lane_first(const Lane *lane, unsigned priority);

/* @task, which is the first of its order and ready, runs; or has run. */
void lane_start(Task *task, gint64 estimate);
void lane_finish(Task *task, gint64 estimate);

typedef void (*TaskVisitor)(gpointer task, gpointer opaque);

/* Call @visitor for each task that waits, which it may remove. */
void lane_foreach(Lane *lane, TaskVisitor visitor, gpointer opaque);

/* The context has ended. */
void lane_end(Lane *lane);

/* A task that was in @lane is idle. */
void lane_unuse(Lane *lane);

/* The turn of @share, if it has one, ends, and the pause in it. */
void share_end_turn(Share *share);
void share_end_pause(Share *share);

/* The share that @task runs in */
Share *task_share(const Task *task);

#endif /* MEDIATOR_VM_LANES_H */
