/*
 * What executes the requests of a pool: processes here, or anything else
 *
 * Each pool has its own, so what serves one pool says nothing about another.
 * What needs no accelerator does not come here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_EXECUTOR_H
#define MEDIATOR_EXECUTOR_H

#include <sys/types.h>

#include "protocol/call.h"
#include "vgpu-stub-wire.h"
#include "vms/config.h"

typedef struct Arena Arena;     /* protocol/arena.h */

/* How an execution ended */
typedef struct ExecutionEnd {
    uint32_t status;            /* VGPU_STUB_ERR_… */
    /* As it goes to the guest. Of a queued one: NULL if it is in the arena */
    const void *response;
    /* Its bytes, at most VGPU_STUB_MAX_RESPONSE, or the queued one's capacity */
    size_t length;
    uint32_t bulk_moved;        /* bytes */
    /*
     * µs of device time, as what has executed it says, without the way there and
     * back; 0: what has passed
     */
    gint64 device_us;
    bool broke;                 /* it took down what it ran on … */
    bool innocent;              /* … or that was lost, through no fault of it */
    bool killed;                /* that was killed, as it did not end */
    bool lost;                  /* its context has lost what it had */
} ExecutionEnd;

typedef struct Execution Execution;

/* A request that is to be executed; its owner embeds it. */
struct Execution {
    const char *vm;             /* the VM's name */
    uint64_t context;           /* whose memory it can use */
    uint32_t request_id;        /* as the guest calls it */
    const uint8_t *request;     /* as it came from the guest … */
    size_t length;              /* … in bytes */
    /*
     * Of a queue: where it is in the context's arena, checked against that and
     * in host byte order; `request` is not looked at then. NULL: a mailbox's.
     */
    const struct vgpu_stub_wire_qrequest *queued;
    bool stopped;               /* the executor's, false at first */

    /*
     * It is executed now: what was started before it in its context has ended.
     * May be called within start(). NULL: nobody wants to know.
     */
    void (*begun)(Execution *execution);
    /*
     * Its bytes, or those of others before it, are on their way to what executes
     * it, or back from there: it is not executed; or they are not any more. May
     * be called within start(). NULL as above.
     */
    void (*travels)(Execution *execution, bool travels);
    /*
     * To be called exactly once, at any time; @execution is gone then, and
     * its VM may be.
     */
    void (*done)(Execution *execution, const ExecutionEnd *end);
};

/*
 * The end of @execution with @reply, after @took µs; what else is in @end is
 * up to the caller.
 */
void execution_reply(Execution *execution, Reply *reply, gint64 took,
                     ExecutionEnd end);

typedef enum PoolState {
    POOL_CLOSED,                /* nothing is to serve it */
    POOL_TRYING,                /* for the first time */
    POOL_WORKS,
    POOL_FAILED,
} PoolState;

/* By PoolState */
extern const char *const pool_state_names[POOL_FAILED + 1];

typedef enum WorkerState {
    WORKER_WAITING,             /* for a place in its pool; has no process */
    WORKER_STARTING,
    WORKER_SPARE,               /* ready for a context that has none yet */
    WORKER_IDLE,
    WORKER_BUSY,
    WORKER_LEAVING,             /* retired, killed or dead; not yet gone */
} WorkerState;

/* By WorkerState */
extern const char *const worker_state_names[WORKER_LEAVING + 1];

/* What executes the requests of one context */
typedef struct WorkerReport {
    const char *vm;             /* the VM's name; valid during the call */
    uint64_t context;           /* 0 of a spare, whose VM is "" */
    PoolId pool;
    pid_t pid;                  /* 0: it has no process */
    const char *place;          /* its host, "" here; valid during the call */
    WorkerState state;
    uint64_t memory;            /* bytes of the VM's, which it has */
    uint32_t request_id;        /* of what it executes, when BUSY */
    gint64 since;               /* monotonic, µs: when it was made */
} WorkerReport;

typedef void (*WorkerVisitor)(const WorkerReport *report, gpointer opaque);

/* Since the daemon was started; probes do not count. */
typedef struct WorkerCounters {
    guint64 starts;             /* processes */
    guint64 deaths;             /* of them, those that were not told to go */
} WorkerCounters;

/*
 * An implementation embeds it.
 *
 * Everything that a program has on an accelerator belongs to its context, whose
 * number is never used again. There are contexts of two kinds: a mailbox's,
 * which wishes for a place when it has something to execute, and may lose its
 * place and what it had at any time, and go on with another; and a queue's,
 * which is opened, has its place until it is released, and has ended for good
 * when it has lost that.
 */
typedef struct Executor Executor;
struct Executor {
    PoolId pool;
    unsigned slots;             /* VMs at a time; 0: nothing serves it */
    WorkerCounters counters;

    /*
     * The user sets these; they may be called within the functions below.
     * `slots_changed` is called after `slots` has.
     */
    void (*slots_changed)(Executor *executor);
    /*
     * From now on executions of the context can be started; or not any more,
     * and what it wished for before is forgotten.
     */
    void (*place_changed)(Executor *executor, uint64_t context, bool place);
    /*
     * The context wished for a place, or was opened, and will have none, with
     * a VGPU_STUB_ERR_….
     */
    void (*place_refused)(Executor *executor, uint64_t context,
                          uint32_t status);
    /*
     * A queue's context has lost its place. What was started in it is or will
     * be done; nothing more is to be started.
     */
    void (*context_lost)(Executor *executor, uint64_t context);
    /* After release(), once: nothing is left of it. */
    void (*context_gone)(Executor *executor, uint64_t context);
    gpointer opaque;            /* the user's */

    /* Work by @config from now on, which stays until the next call. */
    void (*configure)(Executor *executor, const Config *config);

    /*
     * The VM has a device with a queue: keep a place for its first context.
     * Until vm_gone(); nothing happens when it is called again.
     */
    void (*attach)(Executor *executor, const char *vm);
    /*
     * The VM has no device any more; its contexts have been released. What is
     * left of them still counts.
     */
    void (*vm_gone)(Executor *executor, const char *vm);

    /*
     * The mailbox's context has executions that wait for a place; or not any
     * more. Each change once.
     */
    void (*wish)(Executor *executor, const char *vm, uint64_t context,
                 bool place);
    /*
     * The queue's context has begun; @arena is where its requests are, of which
     * this takes a reference. Answered with place_changed() or place_refused().
     */
    void (*open)(Executor *executor, const char *vm, uint64_t context,
                 Arena *arena);
    /*
     * The context, of whichever kind, has ended: free what it has. What has been
     * started in it ends now, as CANCELLED; none is started any more.
     */
    void (*release)(Executor *executor, const char *vm, uint64_t context);

    /*
     * The context has a place. Of one context several may have been started;
     * they are executed and done in the order of their start.
     */
    void (*start)(Executor *executor, Execution *execution);
    /*
     * Nobody waits for the result of @execution any more, or its time is up:
     * it has to be done soon. If it has to be killed for that, the others of
     * its context end, too. Called at most once, not after it is done.
     */
    void (*stop)(Executor *executor, Execution *execution);

    /*
     * Whether the pool can be served; @reason becomes why it has failed, or
     * what it does not do although it works, NULL when there is nothing to
     * say. It lives until the main loop runs.
     */
    PoolState (*state)(const Executor *executor, const char **reason);
    /* Call @visitor for each worker; it must not start or stop executions. */
    void (*foreach)(const Executor *executor, WorkerVisitor visitor,
                    gpointer opaque);
};

#endif /* MEDIATOR_EXECUTOR_H */
