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
#include "vms/config.h"

/* How an execution ended */
typedef struct ExecutionEnd {
    uint32_t status;            /* VGPU_STUB_ERR_… */
    const void *response;       /* as it goes to the guest */
    size_t length;              /* bytes, at most VGPU_STUB_MAX_RESPONSE */
    bool broke;                 /* it took down what it ran on */
    bool killed;                /* that was killed, as it did not end */
} ExecutionEnd;

typedef struct Execution Execution;

/* A request that is to be executed; its owner embeds it. */
struct Execution {
    const char *vm;             /* the VM's name */
    uint64_t context;           /* whose memory it can use */
    uint32_t request_id;        /* as the guest calls it */
    const uint8_t *request;     /* as it came from the guest … */
    size_t length;              /* … in bytes … */
    Call call;                  /* … and what it says */

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
    WORKER_IDLE,
    WORKER_BUSY,
    WORKER_LEAVING,             /* retired, killed or dead; not yet gone */
} WorkerState;

/* By WorkerState */
extern const char *const worker_state_names[WORKER_LEAVING + 1];

/* What executes the requests of one VM */
typedef struct WorkerReport {
    const char *vm;             /* the VM's name; valid during the call */
    PoolId pool;
    pid_t pid;                  /* 0: it has no process */
    WorkerState state;
    bool holds_memory;          /* of the VM, which would be lost with it */
    uint32_t request_id;        /* of what it executes, when BUSY */
    gint64 since;               /* monotonic, µs: when it was made */
} WorkerReport;

typedef void (*WorkerVisitor)(const WorkerReport *report, gpointer opaque);

/* Since the daemon was started; probes do not count. */
typedef struct WorkerCounters {
    guint64 starts;             /* processes */
    guint64 deaths;             /* of them, those that were not told to go */
} WorkerCounters;

/* An implementation embeds it. */
typedef struct Executor Executor;
struct Executor {
    PoolId pool;
    unsigned slots;             /* executions at a time; 0: nothing serves it */
    unsigned vm_slots;          /* the same of one VM */
    WorkerCounters counters;

    /* The user sets these. `slots_changed` is called after `slots` has. */
    void (*slots_changed)(Executor *executor);
    /*
     * From now on executions of the VM can be started; or not any more, and
     * what it wished for before is forgotten.
     */
    void (*place_changed)(Executor *executor, const char *vm, bool place);
    /* The VM wished for a place and will have none, with a VGPU_STUB_ERR_…. */
    void (*place_refused)(Executor *executor, const char *vm,
                          uint32_t status);
    gpointer opaque;            /* the user's */

    /* Work by @config from now on, which stays until the next call. */
    void (*configure)(Executor *executor, const Config *config);
    /*
     * The VM has executions that wait for a place; or not any more. Each
     * change once.
     */
    void (*wish)(Executor *executor, const char *vm, bool place);
    /* The VM has a place. */
    void (*start)(Executor *executor, Execution *execution);
    /*
     * Nobody waits for the result of @execution any more, or its time is up:
     * it has to be done soon. Called at most once, not after it is done.
     */
    void (*stop)(Executor *executor, Execution *execution);
    /*
     * The VM's @context has ended: free what it has. Its executions have been
     * stopped; none is started any more.
     */
    void (*release)(Executor *executor, const char *vm, uint64_t context);
    /*
     * The VM has no device any more: free what it has. Nobody waits for what
     * is still executed for it.
     */
    void (*vm_gone)(Executor *executor, const char *vm);

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
