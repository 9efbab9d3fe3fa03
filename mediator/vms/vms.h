/*
 * The VMs that are there, and what is known and decided about each
 *
 * A VM is there as long as one of its devices is. Its limits, its quarantine
 * and its faults are its own, not its devices'. One that goes with faults, and
 * has a name that lasts, is remembered for the window in which they count: a
 * reboot is no way out.
 *
 * Who keeps more of a VM hangs it on the VM.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_VMS_H
#define MEDIATOR_VMS_H

#include "config.h"
#include "identity.h"
#include "quarantines.h"

typedef struct Vms Vms;

/* A VM, as dom0 names it */
typedef struct Vm Vm;

/* What has happened so far */
typedef struct VmStats {
    guint64 ended;              /* requests, however they ended */
    guint64 failed;             /* those neither done nor cancelled */
} VmStats;

typedef void (*VmVisitor)(Vm *vm, gpointer opaque);

/* VMs have limits_default as long as there is no configuration. */
Vms *vms_new(void);

/* No VM is referenced by then. */
void vms_free(Vms *vms);

/*
 * VMs have the limits that @config says, for what happens from now on. It stays
 * until the next call.
 */
void vms_configure(Vms *vms, Config *config);

/* Call @changed when a VM has other limits, or another quarantine. */
void vms_on_change(Vms *vms, VmVisitor changed, gpointer opaque);

/*
 * Keep quarantines in the file at @path, which may have some already, from now
 * on; no VM has been there before. They outlive their VM in any case.
 */
void vms_keep_quarantines(Vms *vms, const char *path);

/* All that there are, also of VMs that are not there */
const Quarantines *vms_quarantines(const Vms *vms);

/* --- Who is there --- */

/*
 * A device of the VM that @identity names is there: the VM. It is there until
 * the last of its devices is gone, which vm_device_gone() says with the same
 * @identity.
 */
Vm *vms_device_there(Vms *vms, const Identity *identity);
void vm_device_gone(Vm *vm, const Identity *identity);

/*
 * As vm_device_gone(), when its VM goes with it if it is the last one: if that
 * was named by a domid, what was decided about it is forgotten, for the next VM
 * with that name is another.
 */
void vm_device_lost(Vm *vm, const Identity *identity);

/*
 * Every VM that is there has been named: forget what was decided about domids
 * before the daemon was started that have ended since.
 */
void vms_forget_ended(Vms *vms);

/* Call @visitor for each that is there; it must not reference or release any. */
void vms_foreach(const Vms *vms, VmVisitor visitor, gpointer opaque);

/* The VM that runs as @domid; NULL when none does. */
Vm *vms_of_domain(const Vms *vms, guint32 domid);

/* The domids of @vm, as in "7" or "7,9", to be freed with g_free() */
char *vm_domids(const Vm *vm);

/* A device of @vm has connected; or not any more: was it the last of them? */
void vm_connected(Vm *vm);
bool vm_disconnected(Vm *vm);

/*
 * The VM called @name, which is new unless somebody references it already. It
 * stays until the last reference has gone, there or not.
 */
Vm *vms_ref(Vms *vms, const char *name);
Vm *vm_ref(Vm *vm);
void vm_unref(Vm *vm);

/* The VM called @name if somebody references it, else NULL. */
Vm *vms_find(const Vms *vms, const char *name);

/* --- What is known --- */

/* Lives as long as the VM. */
const char *vm_name(const Vm *vm);

/* To read, or to count on */
VmStats *vm_stats(Vm *vm);

/* What hangs on it, NULL at first; @free is called when the VM goes. */
gpointer vm_data(const Vm *vm);
void vm_set_data(Vm *vm, gpointer data, GDestroyNotify free);

/* --- What is decided --- */

const VmLimits *vm_limits(const Vm *vm);
void vm_set_limits(Vm *vm, const VmLimits *limits);

/* Set one limit, as limits_set() does, until the next vms_configure(). */
bool vm_set_limit(Vm *vm, const char *name, const char *value,
                  GError **error);

/*
 * Refuse its requests until @until on the monotonic clock, G_MAXINT64 for no
 * end. Returns false with @error set when that is so, but cannot be kept over a
 * restart of the daemon.
 */
bool vm_quarantine(Vm *vm, gint64 until, GError **error);
bool vm_quarantined(const Vm *vm, gint64 now);

/* G_MAXINT64 for no end; past when it is not */
gint64 vm_quarantined_until(const Vm *vm);

/*
 * By its doing what executed its request broke, or had to be stopped. Too many
 * of them quarantine the VM. Returns whether this one did.
 */
bool vm_fault(Vm *vm, gint64 now);

/*
 * End the quarantine of the VM called @name, whether it is there or not; false
 * as above.
 */
bool vms_release(Vms *vms, const char *name, GError **error);

#endif /* MEDIATOR_VMS_H */
