/*
 * What executes requests: this process, or one that it talks to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_EXECUTOR_H
#define MEDIATOR_EXECUTOR_H

#include "protocol/call.h"
#include "vms/config.h"

/* How an execution ended */
typedef struct Outcome {
    uint32_t status;            /* VGPU_STUB_ERR_… */
    const void *response;       /* as it goes to the guest */
    size_t length;              /* bytes, at most VGPU_STUB_BUF_SIZE */
    bool broke;                 /* it took down what it ran on */
    bool killed;                /* that was killed, as it did not end */
} Outcome;

typedef struct Execution Execution;

/* A request that is to be executed; its owner embeds it. */
struct Execution {
    const char *vm;             /* the VM's name */
    uint8_t pool;               /* VGPU_STUB_POOL_A or B */
    uint64_t context;           /* whose memory it can use */
    const uint8_t *request;     /* as it came from the guest … */
    size_t length;              /* … in bytes … */
    Call call;                  /* … and what it says */

    /*
     * To be called exactly once, at any time; @execution is gone then, and
     * its VM may be.
     */
    void (*done)(Execution *execution, const Outcome *outcome);
};

/* An implementation embeds it. */
typedef struct Executor Executor;
struct Executor {
    /* Executions of each pool at a time; 0 where nothing serves the pool */
    unsigned slots[POOLS];
    unsigned vm_slots;          /* the same of one VM in a pool */

    /* The user sets these. `slots_changed` is called after `slots` has. */
    void (*slots_changed)(gpointer opaque);
    /*
     * From now on executions of the VM can be started in the pool; or not any
     * more, and what it wished for before is forgotten.
     */
    void (*place_changed)(gpointer opaque, const char *vm, uint8_t pool,
                          bool place);
    /* The VM wished for a place and will have none, with a VGPU_STUB_ERR_…. */
    void (*place_refused)(gpointer opaque, const char *vm, uint8_t pool,
                          uint32_t status);
    gpointer opaque;

    /* Work by @config from now on, which stays until the next call. */
    void (*configure)(Executor *executor, const Config *config);
    /* Whether @call can be executed for a VM that has no place */
    bool (*local)(const Call *call);
    /*
     * The VM has executions for a pool that wait for a place there; or not any
     * more. Each change once.
     */
    void (*wish)(Executor *executor, const char *vm, uint8_t pool,
                 bool place);
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
};

#endif /* MEDIATOR_EXECUTOR_H */
