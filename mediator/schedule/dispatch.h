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

#include "executor.h"
#include "protocol/request.h"
#include "scheduler.h"
#include "stats.h"
#include "vms/config.h"
#include "vms/identity.h"
#include "vms/quarantines.h"

/*
 * µs that executions may take up before the sockets have their turn, for an
 * executor that is done at once
 */
#define DISPATCH_SLICE_US 1000

typedef struct Dispatch Dispatch;

/*
 * Takes over @config. @executors, by PoolId, have to live until nothing is
 * executed and no VM is referenced any more.
 */
Dispatch *dispatch_new(Executor *const *executors, Config *config);

/*
 * Every request has to be abandoned, every execution done and no VM referenced
 * by then.
 */
void dispatch_free(Dispatch *dispatch);

/*
 * Takes over @config in place of the one before. It applies to what happens
 * from now on; requests that wait or run are not touched.
 */
void dispatch_configure(Dispatch *dispatch, Config *config);

/* As config_set_limit(), until the next dispatch_configure() */
bool dispatch_set_limit(Dispatch *dispatch, const char *vm, const char *name,
                        const char *value, GError **error);

/*
 * Keep quarantines in the file at @path, which may have some already, from now
 * on; no VM has been referenced before. They outlive their VM in any case.
 */
void dispatch_keep_quarantines(Dispatch *dispatch, const char *path);

/*
 * As scheduler_vm_quarantine(), of the VM called @vm, until @until on the monotonic clock. Returns
 * false with @error set when it is, but cannot be kept over a restart of the
 * daemon.
 */
bool dispatch_quarantine(Dispatch *dispatch, const char *vm, gint64 until,
                         GError **error);

/*
 * End the quarantine of the VM called @name, whether it is there or not; false
 * as above.
 */
bool dispatch_release(Dispatch *dispatch, const char *name, GError **error);

/* All that there are, also of VMs that are not there */
const Quarantines *dispatch_quarantines(const Dispatch *dispatch);

/* Everything, in a few numbers */
typedef struct DispatchReport {
    unsigned vms;
    unsigned quarantined;
    unsigned waiting;           /* requests */
    unsigned running;
} DispatchReport;

DispatchReport dispatch_report(const Dispatch *dispatch);

/* How long the daemon's end may wait for what runs, in ms */
unsigned dispatch_drain_ms(const Dispatch *dispatch);

/* Whether a request has not ended that came before @when, monotonic, µs */
bool dispatch_pending(const Dispatch *dispatch, gint64 when);

/*
 * The daemon is about to end: of the requests that came before @when those that
 * wait end as CANCELLED, and so do those that run, unless they end by
 * themselves as soon as they are told to.
 */
void dispatch_end_all(Dispatch *dispatch, gint64 when);

/* To look at */
Scheduler *dispatch_scheduler(Dispatch *dispatch);

/* What has happened so far */
const Stats *dispatch_stats(const Dispatch *dispatch);
const VmStats *dispatch_vm_stats(const Vm *vm);

/*
 * A device of the VM that @identity names is there: the VM, with the limits of
 * the configuration. It is there until the last of its devices is gone, which
 * dispatch_vm_unref() says with the same @identity.
 */
Vm *dispatch_vm_ref(Dispatch *dispatch, const Identity *identity);
void dispatch_vm_unref(Dispatch *dispatch, Vm *vm, const Identity *identity);

/*
 * As dispatch_vm_unref(), for a device that has gone: when that was the last
 * one, the VM has ended. If it was named by a domid, what was decided about it
 * is forgotten, for the next VM with that name is another.
 */
void dispatch_vm_lost(Dispatch *dispatch, Vm *vm, const Identity *identity);

/*
 * Every VM that is there has been referenced: forget what was decided about
 * domids before the daemon was started that have ended since.
 */
void dispatch_forget_ended(Dispatch *dispatch);

/*
 * Call @function for each VM that is there; it must not reference or release
 * any.
 */
void dispatch_vm_foreach(const Dispatch *dispatch,
                         void (*function)(Vm *vm, gpointer opaque),
                         gpointer opaque);

/* As domains_of_vm() and domains_find() */
char *dispatch_vm_domids(const Dispatch *dispatch, const Vm *vm);
Vm *dispatch_vm_of_domain(const Dispatch *dispatch, guint32 domid);

/*
 * A device of @vm is connected, or is not any more and has abandoned its
 * requests. What is executed or kept for a VM ends with its last connection.
 */
void dispatch_vm_connected(Dispatch *dispatch, Vm *vm);
void dispatch_vm_disconnected(Dispatch *dispatch, Vm *vm);

/*
 * A new context: what a device, since its last reset, has on accelerators.
 * When it ends, that is freed; its requests have been abandoned before.
 */
uint64_t dispatch_context_new(Dispatch *dispatch);
void dispatch_context_end(Dispatch *dispatch, Vm *vm, uint64_t context);

/*
 * Takes over @request of @vm in @context, which came for @pool with @priority,
 * both valid; the VM's limits may give it another pool, or only a lower
 * priority. Completes it, at once or from the main loop.
 */
void dispatch_request(Dispatch *dispatch, Vm *vm, uint64_t context,
                      uint8_t pool, uint8_t priority, Request *request);

#endif /* MEDIATOR_DISPATCH_H */
