/*
 * The operations: which there are, who executes them, and those that need no
 * accelerator
 *
 * docs/operations.md is the specification.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_OPERATIONS_H
#define MEDIATOR_OPERATIONS_H

#include "call.h"
#include "vgpu-stub-opencl.h"
#include "vgpu-stub-ring.h"

/* As many params as there may be; the operation looks at them itself. */
#define OPERATION_ANY_PARAMS G_MAXUINT32

/* What is special about an operation */
#define OPERATION_BULK (1u << 0)    /* it may have bulk, of the queue */
#define OPERATION_WAITS (1u << 1)   /* it may wait for another side */
#define OPERATION_LONG (1u << 2)    /* answers before it are not kept for it */
#define OPERATION_QUEUE (1u << 3)   /* the mailbox does not have it */

/*
 * All operations by who executes them: X(NAME, function, params, data, traits),
 * of which VGPU_STUB_OP_NAME is the opcode, @params the number of params that it
 * has, @data whether it may have data, and @traits are OPERATION_…. Who executes
 * them makes a table out of it, and does not compile without the function.
 */
#define OPERATIONS_OF_MEDIATOR(X) \
    X(NOP, nop, 0, false, 0) \
    X(ECHO, echo, OPERATION_ANY_PARAMS, true, 0)

/* In a worker, on its accelerator */
#define OPERATIONS_OF_WORKER(X) \
    X(KERNEL, kernel, OPERATION_KERNEL_PARAMS, true, OPERATION_LONG) \
    X(MEMORY_ALLOC, memory_alloc, 2, false, OPERATION_LONG) \
    X(MEMORY_FREE, memory_free, 2, false, 0) \
    X(MEMORY_COPY, memory_copy, OPERATION_ANY_PARAMS, true, OPERATION_BULK) \
    X(GET_DEVICE_INFO, get_device_info, 0, false, 0) \
    X(SYNCHRONIZE, synchronize, 0, false, 0) \
    X(MEMORY_FREE_ALL, memory_free_all, 0, false, OPERATION_LONG) \
    X(LIST_KERNELS, list_kernels, 1, false, 0) \
    X(OPENCL, opencl, 0, true, \
      OPERATION_BULK | OPERATION_LONG | OPERATION_QUEUE)

#define OPERATION_KERNEL_PARAMS 10

/*
 * Why an operation with these @traits cannot have come with @flags, a
 * submission's VGPU_STUB_SUBMIT_…; NULL when it can.
 */
static inline const char *operation_refusal(uint32_t traits, uint32_t flags)
{
    const uint32_t bulk = VGPU_STUB_SUBMIT_BULK_FROM_GUEST |
                          VGPU_STUB_SUBMIT_BULK_TO_GUEST;

    if ((flags & bulk) != 0 && !(traits & OPERATION_BULK)) {
        return "flags: the operation takes no bulk";
    }
    if ((flags & VGPU_STUB_SUBMIT_WAITS) && !(traits & OPERATION_WAITS)) {
        return "flags: the operation does not wait";
    }
    return NULL;
}

/* Whether an operation is one for an accelerator */
bool operations_need_accelerator(uint32_t opcode);

/*
 * Execute @call, which came with a submission's @flags, 0 by the mailbox; @reply,
 * as reply_init() leaves it, receives the results, or the error. Returns false,
 * and does nothing, when @call is one for an accelerator.
 */
bool operations_execute(const Call *call, uint32_t flags, Reply *reply);

#endif /* MEDIATOR_OPERATIONS_H */
