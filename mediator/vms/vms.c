/*
 * The VMs that are there, and what is known and decided about each
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vms.h"

#include "domains.h"
#include "quarantine-reach.h"

struct Vm {
    Vms *vms;
    char *name;
    unsigned references;
    unsigned devices;           /* that are there … */
    unsigned connections;       /* … and those that are connected */
    VmLimits limits;
    VmStats stats;
    unsigned faults;            /* since `faults_since` */
    gint64 faults_since;
    gint64 quarantined_until;
    guint kept_timer;           /* it is remembered for its faults, or 0 */
    gpointer data;
    GDestroyNotify data_free;
};

struct Vms {
    GHashTable *all;            /* name → Vm */
    Config *config;             /* NULL at first */
    Quarantines *quarantines;
    Domains *domains;
    VmVisitor changed;
    gpointer opaque;
};

Vms *vms_new(void)
{
    Vms *vms = g_new0(Vms, 1);

    vms->all = g_hash_table_new(g_str_hash, g_str_equal);
    vms->quarantines = quarantines_new(NULL);
    vms->domains = domains_new();
    return vms;
}

static gboolean vm_forget(gpointer opaque)
{
    Vm *vm = opaque;

    vm->kept_timer = 0;
    vm_unref(vm);
    return G_SOURCE_REMOVE;
}

/* Those that are only remembered */
static void forget_kept(Vms *vms)
{
    g_autoptr(GList) all = g_hash_table_get_values(vms->all);

    for (GList *link = all; link != NULL; link = link->next) {
        Vm *vm = link->data;

        if (vm->kept_timer != 0) {
            g_source_remove(vm->kept_timer);
            vm_forget(vm);
        }
    }
}

void vms_free(Vms *vms)
{
    forget_kept(vms);
    g_assert(g_hash_table_size(vms->all) == 0);
    g_hash_table_unref(vms->all);
    quarantines_free(vms->quarantines);
    domains_free(vms->domains);
    g_free(vms);
}

void vms_on_change(Vms *vms, VmVisitor changed, gpointer opaque)
{
    vms->changed = changed;
    vms->opaque = opaque;
}

static void vm_tell_change(Vm *vm)
{
    if (vm->vms->changed != NULL) {
        vm->vms->changed(vm, vm->vms->opaque);
    }
}

/* --- Who is there --- */

Vm *vm_ref(Vm *vm)
{
    vm->references++;
    return vm;
}

void vm_unref(Vm *vm)
{
    if (--vm->references > 0) {
        return;
    }
    g_hash_table_remove(vm->vms->all, vm->name);
    if (vm->data_free != NULL) {
        vm->data_free(vm->data);
    }
    g_free(vm->name);
    g_free(vm);
}

Vm *vms_find(const Vms *vms, const char *name)
{
    return g_hash_table_lookup(vms->all, name);
}

Vm *vms_ref(Vms *vms, const char *name)
{
    Vm *vm = vms_find(vms, name);

    if (vm == NULL) {
        vm = g_new0(Vm, 1);
        vm->vms = vms;
        vm->name = g_strdup(name);
        vm->limits = limits_default;
        vm->quarantined_until = quarantines_until(vms->quarantines, name);
        g_hash_table_insert(vms->all, vm->name, vm);
    }
    return vm_ref(vm);
}

static void vm_configure(Vm *vm)
{
    if (vm->vms->config != NULL) {
        vm_set_limits(vm, config_limits(vm->vms->config, vm->name));
    }
}

Vm *vms_device_there(Vms *vms, const Identity *identity)
{
    Vm *vm = vms_ref(vms, identity->vm);

    vm->devices++;
    if (identity->has_domid) {
        domains_add(vms->domains, vm, identity->domid);
    }
    vm_configure(vm);
    return vm;
}

/* Whether @name is a VM's only until its domain ends */
static bool is_passing(const char *name)
{
    guint32 domid;

    return identity_parse_domid(name, &domid);
}

/* A reboot, which takes no time, is no way out of what its requests did. */
static void vm_keep(Vm *vm)
{
    if (vm->kept_timer != 0) {
        g_source_remove(vm->kept_timer);
    } else {
        vm_ref(vm);
    }
    vm->kept_timer = g_timeout_add_seconds(vm->limits.fault_window_s,
                                           vm_forget, vm);
}

void vm_device_gone(Vm *vm, const Identity *identity)
{
    vm->devices--;
    if (identity->has_domid) {
        domains_remove(vm->vms->domains, vm, identity->domid);
    }
    if (vm->devices == 0 && vm->faults > 0 && !is_passing(vm->name)) {
        vm_keep(vm);
    }
    vm_unref(vm);
}

void vm_device_lost(Vm *vm, const Identity *identity)
{
    g_autoptr(GError) error = NULL;

    if (vm->devices == 1 && is_passing(vm->name)) {
        if (!vms_release(vm->vms, vm->name, &error)) {
            g_warning("%s", error->message);
        }
        if (vm->vms->config != NULL) {
            config_forget_limits(vm->vms->config, vm->name);
        }
    }
    vm_device_gone(vm, identity);
}

static bool has_ended(const char *name, gpointer vms)
{
    return is_passing(name) && vms_find(vms, name) == NULL;
}

void vms_forget_ended(Vms *vms)
{
    quarantines_forget(vms->quarantines, has_ended, vms);
}

void vms_foreach(const Vms *vms, VmVisitor visitor, gpointer opaque)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, vms->all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Vm *vm = value;

        if (vm->devices > 0) {
            visitor(vm, opaque);
        }
    }
}

Vm *vms_of_domain(const Vms *vms, guint32 domid)
{
    return domains_find(vms->domains, domid);
}

char *vm_domids(const Vm *vm)
{
    return domains_of_vm(vm->vms->domains, vm);
}

void vm_connected(Vm *vm)
{
    vm->connections++;
}

bool vm_disconnected(Vm *vm)
{
    return --vm->connections == 0;
}

/* --- What is known --- */

const char *vm_name(const Vm *vm)
{
    return vm->name;
}

VmStats *vm_stats(Vm *vm)
{
    return &vm->stats;
}

gpointer vm_data(const Vm *vm)
{
    return vm->data;
}

void vm_set_data(Vm *vm, gpointer data, GDestroyNotify free)
{
    vm->data = data;
    vm->data_free = free;
}

/* --- What is decided --- */

const VmLimits *vm_limits(const Vm *vm)
{
    return &vm->limits;
}

void vm_set_limits(Vm *vm, const VmLimits *limits)
{
    vm->limits = *limits;
    vm_tell_change(vm);
}

void vms_configure(Vms *vms, Config *config)
{
    GHashTableIter iter;
    gpointer vm;

    vms->config = config;
    g_hash_table_iter_init(&iter, vms->all);
    while (g_hash_table_iter_next(&iter, NULL, &vm)) {
        vm_configure(vm);
    }
}

bool vm_set_limit(Vm *vm, const char *name, const char *value,
                  GError **error)
{
    g_autofree char *warning = NULL;

    if (!config_set_limit(vm->vms->config, vm->name, name, value, error)) {
        return false;
    }
    vm_configure(vm);
    warning = quarantine_unreachable(&vm->limits);
    if (warning != NULL) {
        g_warning("vm %s: %s", vm->name, warning);
    }
    return true;
}

void vms_keep_quarantines(Vms *vms, const char *path)
{
    quarantines_free(vms->quarantines);
    vms->quarantines = quarantines_new(path);
}

const Quarantines *vms_quarantines(const Vms *vms)
{
    return vms->quarantines;
}

bool vm_quarantine(Vm *vm, gint64 until, GError **error)
{
    vm->quarantined_until = until;
    vm_tell_change(vm);
    return quarantines_set(vm->vms->quarantines, vm->name, until, error);
}

bool vm_quarantined(const Vm *vm, gint64 now)
{
    return now < vm->quarantined_until;
}

gint64 vm_quarantined_until(const Vm *vm)
{
    return vm->quarantined_until;
}

bool vm_fault(Vm *vm, gint64 now)
{
    const VmLimits *limits = &vm->limits;
    const gint64 until = now + limits->quarantine_s * G_TIME_SPAN_SECOND;
    g_autoptr(GError) error = NULL;

    if (now - vm->faults_since > limits->fault_window_s * G_TIME_SPAN_SECOND) {
        vm->faults_since = now;
        vm->faults = 0;
    }
    if (++vm->faults < limits->faults) {
        return false;
    }
    vm->faults = 0;
    /* The operator may have decided on more. */
    if (!vm_quarantine(vm, MAX(vm->quarantined_until, until), &error)) {
        g_warning("%s", error->message);
    }
    return true;
}

bool vms_release(Vms *vms, const char *name, GError **error)
{
    Vm *vm = vms_find(vms, name);

    if (vm != NULL) {
        vm->quarantined_until = G_MININT64;
        vm->faults = 0;
    }
    return quarantines_until(vms->quarantines, name) == G_MININT64 ||
           quarantines_set(vms->quarantines, name, G_MININT64, error);
}
