/*
 * The contexts that there are: what programs of guests have on accelerators
 *
 * A device has one for its mailbox since its last reset, and one for each
 * program that uses its queue. Memory, programs and the worker belong to it. What
 * a mailbox's loses it may have again; a queue's has ended then for good.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_CONTEXTS_H
#define MEDIATOR_CONTEXTS_H

#include "arenas.h"
#include "job.h"

typedef struct Contexts Contexts;
typedef struct Context Context;

/* What the owner of a queue's context hears */
typedef struct ContextHandlers {
    /* Requests may come from now on, in @arena, which lives as long as it. */
    void (*served)(gpointer opaque, Arena *arena);
    /*
     * It is not served, with a VGPU_STUB_ERR_…: not at all or, after it was,
     * not any more. What comes of it is completed with that.
     */
    void (*refused)(gpointer opaque, uint32_t status);
    /* After context_close(): nothing is left of it, and it is freed. */
    void (*closed)(gpointer opaque);
} ContextHandlers;

/* Lines about contexts that are refused in a period, log-limit.h */
#define CONTEXTS_LINES_VM 5
#define CONTEXTS_LINES_ALL 50

/* @jobs has to live longer. The executors in it have to be set later. */
Contexts *contexts_new(Jobs *jobs);

/* The contexts that there are are forgotten; none has a request any more. */
void contexts_free(Contexts *contexts);

void contexts_configure(Contexts *contexts, const Config *config);

/* These contexts' users hear from @executor what happens to them. */
void contexts_take_executor(Contexts *contexts, Executor *executor);

/* --- A mailbox's --- */

/* A context wishes for a place; a queue's has the one that it was given. */
void contexts_wish(const Contexts *contexts, const Wish *wish);

/* A new context of @vm; its number. */
uint64_t contexts_begin(Contexts *contexts, Vm *vm);

/* It has ended; its requests have been abandoned. */
void contexts_end(Contexts *contexts, uint64_t number);

/* --- A queue's --- */

/*
 * The VM has a device with a queue whose requests go to @pool: keep what its
 * first context needs, until contexts_detach(). Saying so again changes nothing.
 */
void contexts_attach(Contexts *contexts, const Vm *vm, PoolId pool);

/* The VM has no device any more. */
void contexts_detach(Contexts *contexts, const Vm *vm);

/*
 * A program of @vm has begun, which is attached to @pool. One of `served` and
 * `refused` is called, in here or later. To be closed.
 */
Context *contexts_open(Contexts *contexts, Vm *vm, PoolId pool,
                       const ContextHandlers *handlers, gpointer opaque);

/*
 * As jobs_add_queued(): takes over @request, which is in the context's arena.
 * It has been served, and is not closed.
 */
void context_add(Context *context, uint8_t priority, Request *request);

/*
 * The program has ended. What it has is ended and freed; then `closed` is
 * called, in here or later.
 */
void context_close(Context *context);

/* The same, but nobody wants to hear of it any more; also if it is closed. */
void context_abandon(Context *context);

/* --- To look at --- */

typedef enum ContextState {
    CONTEXT_OPENING,            /* it has no worker yet */
    CONTEXT_SERVED,
    CONTEXT_LOST,               /* its worker has gone … */
    CONTEXT_REFUSED,            /* … or it had none; the device is to close it */
    CONTEXT_CLOSING,            /* not all of it is freed */
} ContextState;

/* By ContextState */
extern const char *const context_state_names[CONTEXT_CLOSING + 1];

typedef struct ContextReport {
    uint64_t number;
    const char *vm;             /* the VM's name; valid during the call */
    PoolId pool;
    ContextState state;
    unsigned requests;          /* that have not ended */
    uint64_t arena;             /* bytes, at its full size; 0: it has none */
} ContextReport;

typedef void (*ContextVisitor)(const ContextReport *report, gpointer opaque);

/* Call @visitor for each of a queue's. */
void contexts_foreach(const Contexts *contexts, ContextVisitor visitor,
                      gpointer opaque);

/* Bytes of their arenas together, at their full sizes */
uint64_t contexts_arena_bytes(const Contexts *contexts);

#endif /* MEDIATOR_CONTEXTS_H */
