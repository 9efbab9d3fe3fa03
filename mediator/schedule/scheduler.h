/*
 * Which request runs next, and which don't run at all
 *
 * No I/O and no clock: time is passed in, in µs of any clock that never goes
 * back. A task is somebody's request; its owner embeds it.
 *
 * What VMs may is theirs (vms.h). Tasks reference their VM while they are not
 * idle, and what is kept of it here hangs on it.
 *
 * Each pool has slots, and a slot is a VM's turn, turns.h, while none of its bytes
 * are on their way to or from where they are worked on. To which VM it goes,
 * and in which priority class, is in pool-queue.h: a VM is one claimant in a
 * pool, whatever it has waiting there. Within a VM and class its contexts take
 * turns, those first whose next task is boosted, and so do a context's orders. An
 * order's tasks of a pool start in the order in which they came, also those that
 * are local, which only do when those before them have ended. No order waits for
 * another. Patient ones run several at a time, others one after the other.
 *
 * The VM's limits are for all it wants: a task beyond its rate or its queue is
 * refused, but a patient one waits.
 *
 * A context needs a place in a pool before its tasks there can run, which is a
 * worker. To have one for each context that has tasks waiting is the owner's:
 * the scheduler says which wishes for one, the owner which has one. Contexts
 * without one hold up nobody. Local tasks run in the owner itself: they need
 * neither place nor slot, and use no device time. For them VMs take turns, whatever
 * their weights and classes: none of theirs takes long, and none has a deadline.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_SCHEDULER_H
#define MEDIATOR_SCHEDULER_H

#include "pool-queue.h"
#include "vms/vms.h"

typedef struct Scheduler Scheduler;
typedef struct Lane Lane;
typedef struct Order Order;

/*
 * Kinds of tasks that are told apart in how long they take: by their opcode, and
 * whether they have bulk
 */
#define TASK_OPCODES 16
#define TASK_KINDS (2 * TASK_OPCODES)

static inline uint8_t task_kind(uint32_t opcode, bool bulk)
{
    return MIN(opcode, TASK_OPCODES - 1) + (bulk ? TASK_OPCODES : 0);
}

typedef enum TaskState {
    TASK_IDLE,                  /* the owner's alone */
    TASK_WAITING,
    TASK_RUNNING,
    TASK_EXPELLED,              /* will be named by scheduler_next_ended() */
} TaskState;

typedef struct Task {
    /* The owner sets these. */
    Vm *vm;
    PoolId pool;
    uint64_t context;           /* of the VM */
    uint32_t order;             /* of the context; 0 if it is not patient */
    uint8_t priority;           /* VGPU_STUB_PRIORITY_… */
    uint8_t kind;               /* task_kind() */
    bool boost;                 /* before the VM's own other contexts; has no
                                 * effect on a patient one */
    bool local;
    bool patient;               /* limits delay it, and never refuse it; its
                                 * deadline is from scheduler_begun() */

    /* The most that it has had of the accelerator, µs; 0: not known */
    gint64 device_us;

    /* The scheduler's, zero at first; the owner may read `state`. */
    TaskState state;
    Lane *lane;
    Order *in_order;            /* while it waits or runs */
    GList link;
    gint64 deadline;
    GSequenceIter *in_deadlines;    /* NULL if there is none to come */
    uint32_t verdict;           /* VGPU_STUB_ERR_…, when EXPELLED */
    Use use;                    /* while it runs … */
    bool travels;               /* … its bytes may be on their way: its … */
    gint64 at_work;             /* … time without that so far, µs */
} Task;

/* That a context wishes for a place in a pool, or not any more */
typedef struct Wish {
    Vm *vm;
    PoolId pool;
    uint64_t context;           /* of the VM */
    bool place;
} Wish;

/* What a VM does and what it has had */
typedef struct VmReport {
    unsigned waiting;           /* tasks */
    unsigned running;
    gint64 used;                /* device time, µs */
} VmReport;

/* The same of a priority class in a pool */
typedef struct ClassReport {
    unsigned waiting;
    unsigned running;
    gint64 used;
} ClassReport;

/* No pool has a slot at first. */
Scheduler *scheduler_new(void);

/* By then every task has ended, and every VM that had one is gone. */
void scheduler_free(Scheduler *scheduler);

/*
 * How many VMs may have their turn in @pool at the same time; with 0 the pool
 * takes no task, and those that wait are ended, see scheduler_next_ended().
 * Tasks that run are not touched.
 */
void scheduler_set_slots(Scheduler *scheduler, PoolId pool, unsigned slots);

void scheduler_set_shares(Scheduler *scheduler, const ClassShares *shares);

/*
 * The VM's tasks that wait end with @verdict, a VGPU_STUB_ERR_…, see
 * scheduler_next_ended().
 */
void scheduler_vm_expel(Scheduler *scheduler, Vm *vm, uint32_t verdict);

/*
 * The next wish, each change once and only the latest; false when there is no
 * other.
 */
bool scheduler_next_wish(Scheduler *scheduler, Wish *wish);

/*
 * The VM's @context has a place in @pool; or it has none, neither is one on its
 * way: it may wish for one again. It has none at first.
 */
void scheduler_set_place(Scheduler *scheduler, Vm *vm, PoolId pool,
                         uint64_t context, bool place);

/*
 * It will have none: its tasks that wait for one, and patient ones behind them,
 * end with @verdict, a VGPU_STUB_ERR_…, see scheduler_next_ended().
 */
void scheduler_refuse(Scheduler *scheduler, Vm *vm, PoolId pool,
                      uint64_t context, uint32_t verdict);

/*
 * The VM's @context has ended, and is forgotten with its last task. It isn't
 * named here any more.
 */
void scheduler_context_end(Scheduler *scheduler, Vm *vm, uint64_t context);

/*
 * An idle @task wants to run. Returns VGPU_STUB_ERR_NONE when it now waits,
 * otherwise why it does not: VM_QUARANTINED, INVALID_POOL or, unless it is
 * patient, RATE_LIMITED or QUEUE_FULL.
 */
uint32_t scheduler_submit(Scheduler *scheduler, Task *task, gint64 now);

/*
 * Start the task of @pool that is next. NULL when none waits that may run. The
 * owner calls scheduler_finish() when it has ended.
 */
Task *scheduler_start(Scheduler *scheduler, PoolId pool, gint64 now);

/* The same for local tasks, one of which may run. */
Task *scheduler_start_local(Scheduler *scheduler, gint64 now);

/* A patient task that runs is at the head of its worker. */
void scheduler_begun(Scheduler *scheduler, Task *task, gint64 now);

/*
 * A task that runs in a pool is not worked on, as bytes are on their way there or
 * back; or they are not any more, as when it starts.
 */
void scheduler_travels(Scheduler *scheduler, Task *task, bool travels,
                       gint64 now);

/*
 * A running task has ended, and is the owner's again. Returns the device time
 * that it has used, in µs, see device-time.h; local tasks use none.
 */
gint64 scheduler_finish(Scheduler *scheduler, Task *task, gint64 now);

/*
 * A task that waits, or is expelled, is not wanted any more. It is the
 * owner's again.
 */
void scheduler_withdraw(Scheduler *scheduler, Task *task);

/*
 * The next task that has to end before its time, each of them once; NULL when
 * there is no other. @status becomes why: TIMEOUT when its deadline has passed,
 * or with what it was expelled. A task that waited is now idle, the owner's
 * again; one that runs is to be stopped, and then finished as any other.
 */
Task *scheduler_next_ended(Scheduler *scheduler, gint64 now,
                           uint32_t *status);

VmReport scheduler_vm_report(const Vm *vm);
ClassReport scheduler_class_report(const Scheduler *scheduler, PoolId pool,
                                   uint8_t priority);

/*
 * When scheduler_next_ended() has something to say, or the calls that start
 * tasks because of the time that has passed; G_MAXINT64 for never.
 */
gint64 scheduler_next_event(const Scheduler *scheduler);

#endif /* MEDIATOR_SCHEDULER_H */
