/*
 * The memory of a context: handles, and what it counts against the VM's quota
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "memory.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "protocol/worker-protocol.h"

/*
 * What allocations count in: an entry costs the host something, however
 * small it is. So no VM has more entries than its quota has pages.
 */
#define GRANULE WORKER_MEMORY_GRANULE

struct MemoryTable {
    const BackendClass *class;
    Backend *backend;
    MemoryGrant grant;
    gpointer opaque;
    uint64_t used;              /* multiple of GRANULE */
    GHashTable *entries;        /* Memory by its handle */
};

/* What @size, which the host can address, counts for */
static uint64_t granules(uint64_t size)
{
    return size + (GRANULE - size % GRANULE) % GRANULE;
}

MemoryTable *memory_table_new(const BackendClass *class, Backend *backend,
                              MemoryGrant grant, gpointer opaque)
{
    MemoryTable *table = g_new(MemoryTable, 1);

    *table = (MemoryTable) {
        .class = class,
        .backend = backend,
        .grant = grant,
        .opaque = opaque,
        .entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                         g_free),
    };
    return table;
}

void memory_table_free(MemoryTable *table)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, table->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        table->class->free(table->backend, ((Memory *)value)->memory);
    }
    g_hash_table_unref(table->entries);
    g_free(table);
}

uint64_t memory_table_used(const MemoryTable *table)
{
    return table->used;
}

/* One that is not in use, 0 if the host has no random numbers */
static uint64_t new_handle(const MemoryTable *table)
{
    uint64_t handle;

    do {
        /* glibc has had a function for it only since 2.25. */
        if (syscall(SYS_getrandom, &handle, sizeof(handle), 0) !=
            sizeof(handle)) {
            return 0;
        }
    } while (handle == 0 || g_hash_table_contains(table->entries, &handle));
    return handle;
}

bool memory_charge(MemoryTable *table, uint64_t size, GError **error)
{
    if (size > G_MAXSIZE - GRANULE) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_OUT_OF_MEMORY,
                    "more than the host can address");
        return false;
    }
    if (!table->grant(table->opaque, table->used, granules(size), error)) {
        return false;
    }
    table->used += granules(size);
    return true;
}

void memory_discharge(MemoryTable *table, uint64_t size)
{
    table->used -= granules(size);
}

const Memory *memory_alloc(MemoryTable *table, uint64_t size, GError **error)
{
    Memory entry = { .size = size };
    Memory *memory;

    entry.handle = new_handle(table);
    if (entry.handle == 0) {
        int errsv = errno;

        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                    "no random number for a handle: %s", g_strerror(errsv));
        return NULL;
    }
    if (!memory_charge(table, size, error)) {
        return NULL;
    }
    entry.memory = table->class->alloc(table->backend, size, error);
    if (entry.memory == NULL) {
        memory_discharge(table, size);
        return NULL;
    }
    memory = g_memdup(&entry, sizeof(entry));
    g_hash_table_insert(table->entries, &memory->handle, memory);
    return memory;
}

/* Give back what @memory is and counts for; its entry is the caller's. */
static void discard(MemoryTable *table, const Memory *memory)
{
    table->class->free(table->backend, memory->memory);
    memory_discharge(table, memory->size);
}

bool memory_free(MemoryTable *table, uint64_t handle, GError **error)
{
    const Memory *memory = memory_find(table, handle, error);

    if (memory == NULL) {
        return false;
    }
    discard(table, memory);
    g_hash_table_remove(table->entries, &handle);
    return true;
}

uint64_t memory_free_all(MemoryTable *table)
{
    const uint64_t used = table->used;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, table->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        discard(table, value);
        g_hash_table_iter_remove(&iter);
    }
    return used - table->used;
}

const Memory *memory_find(const MemoryTable *table, uint64_t handle,
                          GError **error)
{
    const Memory *memory = g_hash_table_lookup(table->entries, &handle);

    if (memory == NULL) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_INVALID_HANDLE,
                    "no memory of this context has the handle 0x%016"
                    G_GINT64_MODIFIER "x", handle);
    }
    return memory;
}
