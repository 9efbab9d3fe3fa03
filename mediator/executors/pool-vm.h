/*
 * What a VM has in a pool, with all its workers there
 *
 *   - Its memory: workers ask for it, worker-protocol.h. What one that is about
 *     to go still has counts until it is gone; who needs it waits for that, but
 *     for no more than POOL_VM_PATIENCE_MS after it should have been.
 *   - How often it may have a worker started: POOL_VM_STARTS a second in the
 *     long run, POOL_VM_STARTS_BURST at once. A guest that opens contexts and
 *     closes them again and again waits; so it cannot keep the host busy with
 *     processes that start.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_POOL_VM_H
#define MEDIATOR_POOL_VM_H

#include <stdint.h>

#include "vms/token-bucket.h"

#define POOL_VM_STARTS 10
#define POOL_VM_STARTS_BURST 20
#define POOL_VM_RETRY_MS (1000 / POOL_VM_STARTS)

#define POOL_VM_PATIENCE_MS 1000

typedef struct PoolVm {
    char *name;
    bool attached;              /* it has a device with a queue */
    unsigned workers;           /* also those that are about to go */
    unsigned opened;            /* of them, those of a queue's contexts */
    bool reserved;              /* the pool's: a place is kept for it */
    unsigned asking;            /* of the workers, those that wait for memory */
    uint64_t memory;            /* bytes that they were granted … */
    uint64_t leaving;           /* … of them, those that are about to go */
    TokenBucket starts;
    gint64 started;             /* monotonic, µs: the latest start */
} PoolVm;

/* The VMs of a pool, by their names */
typedef struct PoolVms PoolVms;

PoolVms *pool_vms_new(void);
void pool_vms_free(PoolVms *vms);

/* The VM, which is new if it was not known. */
PoolVm *pool_vms_get(PoolVms *vms, const char *name);

/* The same, or NULL. */
PoolVm *pool_vms_find(const PoolVms *vms, const char *name);

/*
 * Forget the VMs that have nothing here, are not attached, and might start as
 * many workers as one that is not known.
 */
void pool_vms_sweep(PoolVms *vms, gint64 now);

/*
 * Whether it may have a worker started at @now; that is one start. If not,
 * POOL_VM_RETRY_MS later it may.
 */
bool pool_vm_may_start(PoolVm *vm, gint64 now);

/* What comes of a wish for memory */
typedef enum PoolVmGrant {
    POOL_VM_GRANTED,
    POOL_VM_REFUSED,
    POOL_VM_WAIT,               /* there is enough when some have gone */
} PoolVmGrant;

/* May @vm have @wanted bytes more, of @quota? */
PoolVmGrant pool_vm_ask(const PoolVm *vm, uint64_t quota, uint64_t wanted);

/* How many bytes of @quota are left to it */
uint64_t pool_vm_left(const PoolVm *vm, uint64_t quota);

#endif /* MEDIATOR_POOL_VM_H */
