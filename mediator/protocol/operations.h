/*
 * The operations that need no accelerator
 *
 * docs/operations.md is the specification.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_OPERATIONS_H
#define MEDIATOR_OPERATIONS_H

#include "call.h"

/* Whether an operation is one for an accelerator */
bool operations_need_accelerator(uint32_t opcode);

/*
 * Execute @call; @reply receives the results, or the error. Returns false,
 * and does nothing, when @call is one for an accelerator.
 */
bool operations_execute(const Call *call, Reply *reply);

#endif /* MEDIATOR_OPERATIONS_H */
