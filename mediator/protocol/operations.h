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

/* As many params as there may be; the operation looks at them itself. */
#define OPERATION_ANY_PARAMS G_MAXUINT32

/*
 * All operations by who executes them: X(NAME, function, params, data), of
 * which VGPU_STUB_OP_NAME is the opcode, @params the number of params that it
 * has, and @data whether it may have data. Who executes them makes a table out
 * of it, and does not compile without the function.
 */
#define OPERATIONS_OF_MEDIATOR(X) \
    X(NOP, nop, 0, false) \
    X(ECHO, echo, OPERATION_ANY_PARAMS, true)

/* In a worker, on its accelerator */
#define OPERATIONS_OF_WORKER(X) \
    X(KERNEL, kernel, OPERATION_KERNEL_PARAMS, true) \
    X(MEMORY_ALLOC, memory_alloc, 2, false) \
    X(MEMORY_FREE, memory_free, 2, false) \
    X(MEMORY_COPY, memory_copy, OPERATION_ANY_PARAMS, true) \
    X(GET_DEVICE_INFO, get_device_info, 0, false) \
    X(SYNCHRONIZE, synchronize, 0, false) \
    X(MEMORY_FREE_ALL, memory_free_all, 0, false)

#define OPERATION_KERNEL_PARAMS 10

/* Whether an operation is one for an accelerator */
bool operations_need_accelerator(uint32_t opcode);

/*
 * Execute @call; @reply, as reply_init() leaves it, receives the results, or the
 * error. Returns false, and does nothing, when @call is one for an accelerator.
 */
bool operations_execute(const Call *call, Reply *reply);

#endif /* MEDIATOR_OPERATIONS_H */
