/*
 * A worker of one context in one pool, and its states
 *
 * Its process (worker-process.h) executes the context's requests, one after the
 * other; several may be there. When it has one is up to its pool
 * (worker-pool.h), which hears of all that happens to it. What it does on its
 * own:
 *
 *   - A mailbox's that has had nothing to do for the pool's idle-s and has no
 *     memory of the VM is retired: it is told to exit, and killed if it does
 *     not within WORKER_GRACE_MS.
 *   - A request that is to be stopped may still end within
 *     EXECUTION_GRACE_MS. Then the process is killed, and so is one that does
 *     not take requests in time.
 *   - Memory that a mailbox's request has allocated and that nobody waits for
 *     any more, so that nobody knows it, is freed.
 *   - What was executed by a process that dies ends as BACKEND_ERROR when it is
 *     known how it died, or EXECUTION_GRACE_MS later. What waited there had no
 *     part in it, and ends as CONTEXT_LOST; a mailbox's as BACKEND_ERROR.
 *   - What it prints is logged, within limits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_H
#define MEDIATOR_WORKER_H

#include "pool-vm.h"
#include "protocol/log-limit.h"
#include "schedule/executor.h"
#include "worker-process.h"

#define WORKER_GRACE_MS 1000
/* … elsewhere, where a connection has to be closed, too */
#define WORKER_GRACE_FAR_MS 5000

typedef struct Worker Worker;

/* What workers have in common; their pool embeds it. */
typedef struct Workplace {
    PoolId pool;
    const Config *config;       /* to work by from now on */
    LogLimit *said;             /* lines that workers have printed */

    /* Its state is another than @before. */
    void (*changed)(Worker *worker, WorkerState before);
    /* It takes requests: it is SPARE or, for the first time, IDLE. */
    void (*ready)(Worker *worker);
    /* It is IDLE, and was not. */
    void (*rested)(Worker *worker);
    /* It is LEAVING: it serves its context no longer. */
    void (*left)(Worker *worker);
    /* After that, if nobody told it to go */
    void (*lost)(Worker *worker);
    /* It has @held bytes and wants @wanted more: as a process's `memory` */
    bool (*memory)(Worker *worker, uint64_t held, uint64_t wanted,
                   GError **error);
    /* Its process is no more; it is to be freed. @why as a process's `gone` */
    void (*gone)(Worker *worker, const char *why);
} Workplace;

/* The pool may read it, but for what is said to be its own. */
struct Worker {
    const Workplace *place;
    PoolVm *vm;                 /* NULL: a spare */
    uint64_t context;           /* 0: a spare */
    bool opened;                /* it is a queue's context … */
    Arena *arena;               /* … whose requests are there; else NULL */
    bool released;              /* its context has ended */
    WorkerState state;
    WorkerProcess *process;     /* NULL while WAITING */
    bool wished;                /* the pool's: there is something for it */
    bool served;                /* its context, once at least */
    bool unstarted;             /* it has failed before it was ready … */
    bool reported;              /* … the pool's: and that is to be logged */
    GQueue executions;          /* Execution, the first is executed; if the
                                   process has failed, also while LEAVING */
    gint64 begun;               /* the first, monotonic, µs */
    uint64_t granted;           /* the pool's: bytes of the VM's memory … */
    uint64_t wanted;            /* … and what it waits for beside */
    guint stays;                /* the pool's: while it is LEAVING, the timer to
                                 * when others do not wait for its memory */
    gint64 since;
    gint64 placed;              /* monotonic, µs: its start, then readiness */
    guint timer;                /* to the end of what the state allows, or 0 */
};

/*
 * It is WAITING; @place has to outlive it, and @vm, which is NULL for a spare,
 * while it has it. With @arena it is a queue's, else a mailbox's.
 */
Worker *worker_new(const Workplace *place, PoolVm *vm, uint64_t context,
                   Arena *arena);

/* It has no process, or not any more. */
void worker_free(Worker *worker);

/*
 * Give one that waits a process with the options @argv, NULL-terminated; @far,
 * @starter is one of launchers, and the first of @argv is one. false with @error set when that is not possible.
 */
bool worker_start(Worker *worker, Starter *starter, const char *const *argv,
                  bool far, GError **error);

/*
 * Give one that waits the process of @spare, which is without one then. It is
 * STARTING or IDLE, as that was; `ready` is not called for it.
 */
void worker_take(Worker *worker, Worker *spare);

/* Execute something after what it has; it is IDLE or BUSY. */
void worker_execute(Worker *worker, Execution *execution);

/* Nobody waits for @execution, which it has, any more. */
void worker_stop(Worker *worker, Execution *execution);

/* So long it may take to exit when it is to. */
unsigned worker_grace_ms(const Worker *worker);

/* Have it exit; it is IDLE or SPARE. */
void worker_retire(Worker *worker);

/*
 * Kill it; it is neither WAITING nor LEAVING, and nobody waits for what it
 * does. @killed: as an ExecutionEnd's
 */
void worker_discard(Worker *worker, bool killed);

WorkerReport worker_report(const Worker *worker);

#endif /* MEDIATOR_WORKER_H */
