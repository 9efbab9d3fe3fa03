/*
 * The memory of a context: handles, and what it counts against the VM's quota
 *
 * A handle is 64 random bits, so that nobody guesses one. The quota is one for
 * all contexts of the VM, so each allocation is asked for. Functions that fail
 * set an error as backends do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_MEMORY_H
#define WORKER_MEMORY_H

#include "backend.h"

typedef struct Memory {
    uint64_t handle;            /* never 0 */
    uint64_t size;              /* bytes; a size_t of the host holds it */
    BackendMemory *memory;
} Memory;

/*
 * May there be @wanted bytes beside the @held ones? false with @error when not.
 * Both are as they count against the quota.
 */
typedef bool (*MemoryGrant)(gpointer opaque, uint64_t held, uint64_t wanted,
                            GError **error);

typedef struct MemoryTable MemoryTable;

/* @backend has to outlive the table. */
MemoryTable *memory_table_new(const BackendClass *class, Backend *backend,
                              MemoryGrant grant, gpointer opaque);

/* Frees all memory, too. */
void memory_table_free(MemoryTable *table);

/* Bytes that count against the quota */
uint64_t memory_table_used(const MemoryTable *table);

/*
 * Count @size bytes against the quota, if they are granted, of what somebody
 * else allocates; and count them no more.
 */
bool memory_charge(MemoryTable *table, uint64_t size, GError **error);
void memory_discharge(MemoryTable *table, uint64_t size);

/*
 * @size bytes, at least 1, that are zero, if they are granted; the table owns
 * what is returned.
 */
const Memory *memory_alloc(MemoryTable *table, uint64_t size, GError **error);

bool memory_free(MemoryTable *table, uint64_t handle, GError **error);

/* Free all; returns how much that counted for, in bytes. */
uint64_t memory_free_all(MemoryTable *table);

const Memory *memory_find(const MemoryTable *table, uint64_t handle,
                          GError **error);

#endif /* WORKER_MEMORY_H */
