/*
 * What of each VM waits and runs: its contexts' lanes, and what it shares
 *
 * A part of the scheduler. A lane is what a context has in a pool. It is ready
 * in the VM's share of the pool, or of the mediator if it is local, when its
 * first task may start; there the VM's lanes take turns.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_VM_LANES_H
#define MEDIATOR_VM_LANES_H

#include "device-time.h"
#include "scheduler.h"
#include "vms/token-bucket.h"

/* Where tasks run: each pool, and the mediator itself */
#define LOCAL POOLS
#define PLACES (POOLS + 1)

typedef struct VmTasks VmTasks;

/* A VM in a pool, or in the mediator */
typedef struct Share {
    Claimant claimant;          /* waits where a lane is ready */
    VmTasks *owner;
    unsigned place;             /* the pool, or LOCAL */
    unsigned ready;             /* lanes */
    GQueue boosted[PRIORITY_CLASSES];   /* Lane that is ready */
    GQueue plain[PRIORITY_CLASSES];     /* Lane that is ready */
    gint64 estimates[TASK_KINDS];       /* µs: what tasks take lately */
    DeviceUser time;

    /* What belongs to turns.h */
    Lane *lane;                 /* whose tasks run; NULL: none do */
    GList turn;                 /* in Turns.shares if its data is not NULL */
    gint64 left;                /* µs, estimated, before its other lanes … */
    gint64 extra;               /* … and before others that were before it */
    gint64 spent;               /* µs since nobody was before it */
} Share;

/*
 * A context's tasks of a pool, local or not. They start in the order in which
 * they came.
 */
struct Lane {
    VmTasks *owner;
    PoolId pool;
    uint64_t context;
    bool place;
    bool told;                  /* the latest wish: to have a place */
    bool ended;                 /* the context has: it goes with its tasks */
    GList wish;                 /* in VmTasks.wishes if it is another now */
    GQueue tasks;               /* Task that waits */
    unsigned wishing;           /* of them, those that wish for a place */
    unsigned running;           /* tasks … */
    gint64 ahead;               /* … and what they take together, estimated */
    unsigned used;              /* tasks that are not idle */
    /* Where it is ready */
    Share *share;               /* NULL: it is not */
    unsigned priority;
    GQueue *ready;              /* the share's that has … */
    GList link;                 /* … this */
};

/* What is kept of a VM, as its vm_data() */
struct VmTasks {
    Vm *vm;
    GQueue *vms;                /* the scheduler's, VmTasks, that has … */
    GList link;                 /* … this */
    GQueue *wishes;             /* the scheduler's, Lane */
    TokenBucket bucket;
    gint64 delayed;             /* µs: until when its patient tasks have no
                                 * token; 0: they need not wait for one */
    unsigned waiting;           /* tasks … */
    unsigned patient;           /* … of them, those that are patient */
    unsigned running;
    gint64 used;                /* µs */
    Share shares[PLACES];
    GHashTable *lanes[POOLS];   /* Lane.context → Lane */
};

/* The lanes of @task->vm wait in @queues, by place. */
VmTasks *vm_tasks_new(Vm *vm, PoolQueue *const *queues, GQueue *vms,
                      GQueue *wishes);

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

/* The first task of @lane, which is ready, runs; or ran. */
void lane_start(Lane *lane, gint64 estimate);
void lane_finish(Lane *lane, gint64 estimate);

/* The context has ended. */
void lane_end(Lane *lane);

/* A task that was in @lane is idle. */
void lane_unuse(Lane *lane);

/* The share that @task runs in */
Share *task_share(const Task *task);

#endif /* MEDIATOR_VM_LANES_H */
