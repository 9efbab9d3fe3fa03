/*
 * How a request ended, in a word
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_OUTCOME_H
#define MEDIATOR_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

typedef enum OutcomeKind {
    OUTCOME_DONE,
    OUTCOME_INVALID_REQUEST,
    OUTCOME_TIMEOUT,
    OUTCOME_BACKEND_ERROR,
    OUTCOME_INVALID_POOL,
    OUTCOME_QUEUE_FULL,
    OUTCOME_UNSUPPORTED_OPERATION,
    OUTCOME_RATE_LIMITED,
    OUTCOME_VM_QUARANTINED,
    OUTCOME_CANCELLED,
    OUTCOME_OUT_OF_MEMORY,
    OUTCOME_INVALID_HANDLE,
    OUTCOME_UNKNOWN_KERNEL,
    OUTCOME_BUILD_FAILED,
    OUTCOME_CONTEXT_LOST,
    OUTCOME_OTHER,
    OUTCOME_KINDS,
} OutcomeKind;

extern const char *const outcome_names[OUTCOME_KINDS];

/* The kind of a request that ended with @status, a VGPU_STUB_ERR_… */
OutcomeKind outcome_kind(uint32_t status);

/* Whether that is neither done nor cancelled */
bool outcome_failed(OutcomeKind kind);

#endif /* MEDIATOR_OUTCOME_H */
