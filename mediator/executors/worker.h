/*
 * A worker of one VM in one pool, and its states
 *
 * Its process (worker-process.h) executes the VM's requests, one after the
 * other. When it has one is up to its pool (worker-pool.h), which hears of all
 * that happens to it. What it does on its own:
 *
 *   - One that has had nothing to do for the pool's idle-s and has no memory
 *     of the VM is retired: it is told to exit, and killed if it does not
 *     within WORKER_GRACE_MS.
 *   - A request that is to be stopped may still end within
 *     EXECUTION_GRACE_MS. Then the process is killed, and so is one that does
 *     not take requests in time.
 *   - What was at a process that dies ends as BACKEND_ERROR when it is known
 *     how it died, or EXECUTION_GRACE_MS later.
 *   - Memory belongs to a context of the VM, and is freed when that ends.
 *   - What it prints is logged, within limits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_H
#define MEDIATOR_WORKER_H

#include "protocol/log-limit.h"
#include "schedule/executor.h"
#include "worker-process.h"

#define WORKER_GRACE_MS 1000

typedef struct Worker Worker;

/* What workers have in common; their pool embeds it. */
typedef struct Workplace {
    PoolId pool;
    const Config *config;       /* to work by from now on */
    LogLimit *said;             /* lines that workers have printed */

    /* It takes requests: it is IDLE for the first time. */
    void (*ready)(Worker *worker);
    /* It is IDLE, and was not; or it has another amount of memory. */
    void (*rested)(Worker *worker);
    /* It is LEAVING: it serves its VM no longer. */
    void (*left)(Worker *worker);
    /* After that, if nobody told it to go */
    void (*lost)(Worker *worker);
    /* Its process is no more; it is to be freed. @why as a process's `gone` */
    void (*gone)(Worker *worker, const char *why);
} Workplace;

/* The pool may read it, but for what is said to be its own. */
struct Worker {
    const Workplace *place;
    char *vm;                   /* the VM's name */
    WorkerState state;
    WorkerProcess *process;     /* NULL while WAITING */
    bool wished;                /* the pool's: its VM has something for it */
    bool served;                /* its VM, once at least */
    bool unstarted;             /* it has failed before it was ready … */
    bool reported;              /* … the pool's: and that is to be logged */
    Execution *current;         /* at the process, when BUSY; if that has
                                   failed, also while LEAVING */
    gint64 current_since;       /* monotonic, µs */
    bool holds_memory;
    GHashTable *contexts;       /* that may have memory at the process */
    gint64 since;
    gint64 placed;              /* monotonic, µs: its start, then readiness */
    guint timer;                /* to the end of what the state allows, or 0 */
};

/* It is WAITING; @place has to outlive it. */
Worker *worker_new(const Workplace *place, const char *vm);

/* It has no process, or not any more. */
void worker_free(Worker *worker);

/*
 * Give one that waits a process with the options @argv, NULL-terminated.
 * false with @error set when that is not possible.
 */
bool worker_start(Worker *worker, Starter *starter, const char *const *argv,
                  GError **error);

/* Execute something; it is IDLE. */
void worker_execute(Worker *worker, Execution *execution);

/* Nobody waits for what it executes any more. */
void worker_stop(Worker *worker);

/*
 * @context has ended. One that has sent it nothing has nothing there. So no
 * more RESETs are under way to it than its VM has devices, however often they
 * are reset.
 */
void worker_release(Worker *worker, uint64_t context);

/* Have it exit; it is IDLE. */
void worker_retire(Worker *worker);

/*
 * Kill it; it is neither WAITING nor LEAVING, and nobody waits for what it
 * does. @killed: as an ExecutionEnd's
 */
void worker_discard(Worker *worker, bool killed);

WorkerReport worker_report(const Worker *worker);

#endif /* MEDIATOR_WORKER_H */
