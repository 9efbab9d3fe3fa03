/*
 * Arenas for contexts, within what all of them together may take
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "arenas.h"

/* A VM that is attached or has arenas */
typedef struct ArenasVm {
    bool attached;
    unsigned count;             /* arenas that it has … */
    unsigned held;              /* … of them, those that were given back */
} ArenasVm;

/* An arena that was given back, of which somebody has the memory still */
typedef struct Held {
    char *vm;
    Arena *arena;
} Held;

struct Arenas {
    QueueSettings settings;
    GHashTable *vms;            /* name → ArenasVm */
    unsigned waiting;           /* VMs that are attached and have none */
    GQueue held;                /* Held, the oldest first */
    uint64_t bytes;             /* of all that there are, those as well */
};

Arenas *arenas_new(void)
{
    Arenas *arenas = g_new0(Arenas, 1);

    arenas->settings = queue_default;
    arenas->vms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        g_free);
    return arenas;
}

static void held_free(Held *held)
{
    g_free(held->vm);
    arena_unref(held->arena);
    g_free(held);
}

void arenas_free(Arenas *arenas)
{
    while (!g_queue_is_empty(&arenas->held)) {
        held_free(g_queue_pop_head(&arenas->held));
    }
    g_hash_table_unref(arenas->vms);
    g_free(arenas);
}

void arenas_configure(Arenas *arenas, const QueueSettings *settings)
{
    arenas->settings = *settings;
}

/* --- Who has them --- */

static bool vm_waits(const ArenasVm *vm)
{
    return vm->attached && vm->count == 0;
}

/* The VM becomes @next, which is nothing when it may be forgotten. */
static void arenas_set_vm(Arenas *arenas, const char *name, ArenasVm next)
{
    ArenasVm *vm = g_hash_table_lookup(arenas->vms, name);

    arenas->waiting += vm_waits(&next);
    arenas->waiting -= vm != NULL && vm_waits(vm);
    if (!next.attached && next.count == 0) {
        g_hash_table_remove(arenas->vms, name);
    } else if (vm != NULL) {
        *vm = next;
    } else {
        g_hash_table_insert(arenas->vms, g_strdup(name),
                            g_memdup(&next, sizeof(next)));
    }
}

static ArenasVm arenas_vm(const Arenas *arenas, const char *name)
{
    const ArenasVm *vm = g_hash_table_lookup(arenas->vms, name);

    return vm != NULL ? *vm : (ArenasVm) { 0 };
}

void arenas_attach(Arenas *arenas, const char *name)
{
    ArenasVm vm = arenas_vm(arenas, name);

    vm.attached = true;
    arenas_set_vm(arenas, name, vm);
}

void arenas_detach(Arenas *arenas, const char *name)
{
    ArenasVm vm = arenas_vm(arenas, name);

    vm.attached = false;
    arenas_set_vm(arenas, name, vm);
}

/* --- What was given back --- */

/* @vm has so much less. */
static void arenas_count_down(Arenas *arenas, const char *name,
                              uint64_t bytes, unsigned held)
{
    ArenasVm vm = arenas_vm(arenas, name);

    arenas->bytes -= bytes;
    vm.count--;
    vm.held -= held;
    arenas_set_vm(arenas, name, vm);
}

/* Look at all that is held whether it still is. */
static void arenas_look(Arenas *arenas)
{
    for (unsigned left = arenas->held.length; left > 0; left--) {
        Held *held = g_queue_pop_head(&arenas->held);

        if (arena_release(held->arena)) {
            arenas_count_down(arenas, held->vm, arena_bytes(held->arena), 1);
            held_free(held);
        } else {
            g_queue_push_tail(&arenas->held, held);
        }
    }
}

static void arenas_hold(Arenas *arenas, const char *name, Arena *arena)
{
    ArenasVm vm = arenas_vm(arenas, name);
    Held *held = g_new0(Held, 1);

    held->vm = g_strdup(name);
    held->arena = arena;
    g_queue_push_tail(&arenas->held, held);
    vm.held++;
    arenas_set_vm(arenas, name, vm);
}

unsigned arenas_held(Arenas *arenas, const char *name)
{
    arenas_look(arenas);
    return arenas_vm(arenas, name).held;
}

/* --- Taking and giving back --- */

/* Whether @vm may have another of @size bytes */
static bool arenas_has_room(const Arenas *arenas, const ArenasVm *vm,
                            uint64_t size)
{
    const uint64_t most = (uint64_t)arenas->settings.arena_mib << 20;
    const uint64_t kept = vm_waits(vm) ? 0 : arenas->waiting * size;

    return arenas->bytes + kept + size <= most;
}

Arena *arenas_take(Arenas *arenas, const char *name, GError **error)
{
    const QueueSettings *settings = &arenas->settings;
    ArenasVm vm;
    Arena *arena;

    arenas_look(arenas);
    vm = arenas_vm(arenas, name);
    if (!arenas_has_room(arenas, &vm,
                         VGPU_STUB_ARENA_BYTES(settings->arena_small,
                                               settings->arena_large))) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC,
                    "all arenas together take [queue] arena-mib=%u",
                    settings->arena_mib);
        return NULL;
    }
    arena = arena_new(settings->arena_small, settings->arena_large, error);
    if (arena != NULL) {
        arenas->bytes += arena_bytes(arena);
        vm.count++;
        arenas_set_vm(arenas, name, vm);
    }
    return arena;
}

void arenas_give_back(Arenas *arenas, const char *name, Arena *arena)
{
    if (arena_release(arena)) {
        arenas_count_down(arenas, name, arena_bytes(arena), 0);
        arena_unref(arena);
    } else {
        arenas_hold(arenas, name, arena);
    }
}

uint64_t arenas_bytes(Arenas *arenas)
{
    arenas_look(arenas);
    return arenas->bytes;
}
