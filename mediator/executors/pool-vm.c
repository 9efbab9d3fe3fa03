/*
 * What a VM has in a pool, with all its workers there
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pool-vm.h"

struct PoolVms {
    GHashTable *by_name;        /* PoolVm */
};

static void pool_vm_free(gpointer opaque)
{
    PoolVm *vm = opaque;

    g_free(vm->name);
    g_free(vm);
}

PoolVms *pool_vms_new(void)
{
    PoolVms *vms = g_new(PoolVms, 1);

    vms->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                         pool_vm_free);
    return vms;
}

void pool_vms_free(PoolVms *vms)
{
    g_hash_table_unref(vms->by_name);
    g_free(vms);
}

PoolVm *pool_vms_find(const PoolVms *vms, const char *name)
{
    return g_hash_table_lookup(vms->by_name, name);
}

PoolVm *pool_vms_get(PoolVms *vms, const char *name)
{
    PoolVm *vm = pool_vms_find(vms, name);

    if (vm == NULL) {
        vm = g_new0(PoolVm, 1);
        vm->name = g_strdup(name);
        vm->starts = TOKEN_BUCKET_FULL;
        g_hash_table_insert(vms->by_name, vm->name, vm);
    }
    return vm;
}

static gboolean is_forgotten(gpointer key G_GNUC_UNUSED, gpointer value,
                             gpointer now)
{
    const PoolVm *vm = value;

    return vm->workers == 0 && !vm->attached &&
           *(const gint64 *)now - vm->started >=
           POOL_VM_STARTS_BURST * G_TIME_SPAN_SECOND / POOL_VM_STARTS;
}

void pool_vms_sweep(PoolVms *vms, gint64 now)
{
    g_hash_table_foreach_remove(vms->by_name, is_forgotten, &now);
}

bool pool_vm_may_start(PoolVm *vm, gint64 now)
{
    if (!token_bucket_take(&vm->starts, POOL_VM_STARTS, POOL_VM_STARTS_BURST, 0,
                           now)) {
        return false;
    }
    vm->started = now;
    return true;
}

uint64_t pool_vm_left(const PoolVm *vm, uint64_t quota)
{
    return quota - MIN(quota, vm->memory);
}

PoolVmGrant pool_vm_ask(const PoolVm *vm, uint64_t quota, uint64_t wanted)
{
    if (wanted <= pool_vm_left(vm, quota)) {
        return POOL_VM_GRANTED;
    }
    if (wanted > quota || vm->memory - vm->leaving > quota - wanted) {
        return POOL_VM_REFUSED;
    }
    return POOL_VM_WAIT;
}
