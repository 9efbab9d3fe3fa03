/*
 * From a guest's request to its execution
 *
 * Requests are checked, admitted and put in order by the scheduler, and
 * executed by their pool's executor, or right here if they need no accelerator.
 * What is not executed is answered with an error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_DISPATCH_H
#define MEDIATOR_DISPATCH_H

#include "contexts.h"
#include "executor.h"
#include "protocol/request.h"
#include "scheduler.h"
#include "stats.h"
#include "vms/vms.h"

/*
 * µs that executions may take up before the sockets have their turn, for what
 * is done at once
 */
#define DISPATCH_SLICE_US 1000

typedef struct Dispatch Dispatch;

/*
 * Takes over @config. @executors, by PoolId, have to live until nothing is
 * executed; @vms until all of their VMs are gone, which is before the end of
 * this.
 */
Dispatch *dispatch_new(Vms *vms, Executor *const *executors, Config *config);

/* Every request has to be abandoned, every execution done by then. */
void dispatch_free(Dispatch *dispatch);

/*
 * Takes over @config in place of the one before. It applies to what happens
 * from now on; requests that wait or run are not touched.
 */
void dispatch_configure(Dispatch *dispatch, Config *config);

/*
 * Takes over @request of @vm in @context, which came for @pool, a
 * VGPU_STUB_POOL_…, with @priority, both valid; the VM's limits may give it
 * another pool, or only a lower priority. Completes it, at once or from the main
 * loop.
 */
void dispatch_request(Dispatch *dispatch, Vm *vm, uint64_t context,
                      uint8_t pool, uint8_t priority, Request *request);

/*
 * A device of @vm, for which vm_connected() was called, is not connected any more
 * and has abandoned its requests. What is executed or kept for a VM ends with its
 * last connection.
 */
void dispatch_vm_disconnected(Dispatch *dispatch, Vm *vm);

/*
 * A new context of @vm: what a device's mailbox, since its last reset, has on
 * accelerators. When it ends, that is freed; its requests have been abandoned
 * before.
 */
uint64_t dispatch_context_new(Dispatch *dispatch, Vm *vm);
void dispatch_context_end(Dispatch *dispatch, uint64_t context);

/*
 * A device of @vm that is connected has a queue, for @pool, a VGPU_STUB_POOL_….
 * What a first context needs is kept until the VM's last connection ends.
 */
void dispatch_vm_has_queue(Dispatch *dispatch, Vm *vm, uint8_t pool);

/*
 * As contexts_open(), for a device's @pool; the VM's limits may give it another
 * one. The context has to be closed or abandoned before the connection ends.
 */
Context *dispatch_context_open(Dispatch *dispatch, Vm *vm, uint8_t pool,
                               const ContextHandlers *handlers,
                               gpointer opaque);

/* --- The daemon's end --- */

/* How long it may wait for what runs, in ms */
unsigned dispatch_drain_ms(const Dispatch *dispatch);

/* Whether a request has not ended that came before @when, monotonic, µs */
bool dispatch_pending(const Dispatch *dispatch, gint64 when);

/* As jobs_drain(): the daemon is about to end. */
void dispatch_end_all(Dispatch *dispatch, gint64 when);

/* --- To look at --- */

/* Everything, in a few numbers */
typedef struct DispatchReport {
    unsigned vms;
    unsigned quarantined;
    unsigned waiting;           /* requests */
    unsigned running;
    unsigned contexts;          /* of queues */
    uint64_t arena_bytes;       /* of those, at their full sizes */
} DispatchReport;

DispatchReport dispatch_report(const Dispatch *dispatch);

/* Of @priority, a VGPU_STUB_PRIORITY_… */
ClassReport dispatch_class_report(const Dispatch *dispatch, PoolId pool,
                                  uint8_t priority);

/* The contexts of all queues */
const Contexts *dispatch_contexts(const Dispatch *dispatch);

/* What has happened so far */
const Stats *dispatch_stats(const Dispatch *dispatch);

#endif /* MEDIATOR_DISPATCH_H */
