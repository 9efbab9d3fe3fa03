/*
 * The memory of a VM: handles, contexts, and a quota
 *
 * A handle is 64 random bits, so that nobody guesses one, and means nothing
 * but in the context in which it was allocated (worker-protocol.h). The quota
 * is one for all contexts. Functions that fail set an error as backends do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_MEMORY_H
#define WORKER_MEMORY_H

#include "backend.h"

typedef struct Memory {
    uint64_t handle;            /* never 0 */
    uint64_t context;
    uint64_t size;              /* bytes; a size_t of the host holds it */
    BackendMemory *memory;
} Memory;

typedef struct MemoryTable MemoryTable;

/* @backend has to outlive the table. */
MemoryTable *memory_table_new(const BackendClass *class, Backend *backend);

/* Frees all memory, too. */
void memory_table_free(MemoryTable *table);

/* Bytes that count against the quota */
uint64_t memory_table_used(const MemoryTable *table);

/*
 * @size bytes, at least 1, that are zero, if the VM has not more than @quota
 * bytes with them; the table owns what is returned.
 */
const Memory *memory_alloc(MemoryTable *table, uint64_t context,
                           uint64_t quota, uint64_t size, GError **error);

bool memory_free(MemoryTable *table, uint64_t context, uint64_t handle,
                 GError **error);

/* Free all that @context has; returns how much that counted for, in bytes. */
uint64_t memory_free_all(MemoryTable *table, uint64_t context);

const Memory *memory_find(const MemoryTable *table, uint64_t context,
                          uint64_t handle, GError **error);

#endif /* WORKER_MEMORY_H */
