/*
 * From a guest's request to its execution
 *
 * Requests are checked, admitted and put in order by the scheduler, and
 * executed by an executor. What is not executed is answered with an error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_DISPATCH_H
#define MEDIATOR_DISPATCH_H

#include "config.h"
#include "executor.h"
#include "request.h"
#include "scheduler.h"

/*
 * µs that executions may take up before the sockets have their turn, for an
 * executor that is done at once
 */
#define DISPATCH_SLICE_US 1000

typedef struct Dispatch Dispatch;

/*
 * Takes over @config. @executor has to live until nothing is executed and no
 * VM is referenced any more.
 */
Dispatch *dispatch_new(Executor *executor, Config *config);

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

/* As scheduler_vm_quarantine(), until @until on the monotonic clock */
void dispatch_quarantine(Dispatch *dispatch, Vm *vm, gint64 until);

/* To look at, and to release VMs from quarantine */
Scheduler *dispatch_scheduler(Dispatch *dispatch);

/* As scheduler_vm_ref(), with the limits of the configuration */
Vm *dispatch_vm_ref(Dispatch *dispatch, const char *name);
void dispatch_vm_unref(Dispatch *dispatch, Vm *vm);

/*
 * A device of @vm is connected, or is not any more and has abandoned its
 * requests. What is executed or kept for a VM ends with its last connection.
 */
void dispatch_vm_connected(Dispatch *dispatch, Vm *vm);
void dispatch_vm_disconnected(Dispatch *dispatch, Vm *vm);

/*
 * Takes over @request of @vm, which came for @pool with @priority, both valid;
 * the VM's limits may allow it only a lower one. Completes it, at once or from
 * the main loop.
 */
void dispatch_request(Dispatch *dispatch, Vm *vm, uint8_t pool,
                      uint8_t priority, Request *request);

#endif /* MEDIATOR_DISPATCH_H */
