/*
 * How a request ended, in a word
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "outcome.h"

#include "vgpu-stub-regs.h"

const char *const outcome_names[OUTCOME_KINDS] = {
    [OUTCOME_DONE] = "done",
    [OUTCOME_INVALID_REQUEST] = "invalid_request",
    [OUTCOME_TIMEOUT] = "timeout",
    [OUTCOME_BACKEND_ERROR] = "backend_error",
    [OUTCOME_INVALID_POOL] = "invalid_pool",
    [OUTCOME_QUEUE_FULL] = "queue_full",
    [OUTCOME_UNSUPPORTED_OPERATION] = "unsupported_operation",
    [OUTCOME_RATE_LIMITED] = "rate_limited",
    [OUTCOME_VM_QUARANTINED] = "vm_quarantined",
    [OUTCOME_CANCELLED] = "cancelled",
    [OUTCOME_OUT_OF_MEMORY] = "out_of_memory",
    [OUTCOME_INVALID_HANDLE] = "invalid_handle",
    [OUTCOME_UNKNOWN_KERNEL] = "unknown_kernel",
    [OUTCOME_BUILD_FAILED] = "build_failed",
    [OUTCOME_CONTEXT_LOST] = "context_lost",
    [OUTCOME_OTHER] = "other",
};

OutcomeKind outcome_kind(uint32_t status)
{
    switch (status) {
    case VGPU_STUB_ERR_NONE:
        return OUTCOME_DONE;
    case VGPU_STUB_ERR_INVALID_REQUEST:
        return OUTCOME_INVALID_REQUEST;
    case VGPU_STUB_ERR_TIMEOUT:
        return OUTCOME_TIMEOUT;
    case VGPU_STUB_ERR_BACKEND_ERROR:
        return OUTCOME_BACKEND_ERROR;
    case VGPU_STUB_ERR_INVALID_POOL:
        return OUTCOME_INVALID_POOL;
    case VGPU_STUB_ERR_QUEUE_FULL:
        return OUTCOME_QUEUE_FULL;
    case VGPU_STUB_ERR_UNSUPPORTED_OPERATION:
        return OUTCOME_UNSUPPORTED_OPERATION;
    case VGPU_STUB_ERR_RATE_LIMITED:
        return OUTCOME_RATE_LIMITED;
    case VGPU_STUB_ERR_VM_QUARANTINED:
        return OUTCOME_VM_QUARANTINED;
    case VGPU_STUB_ERR_CANCELLED:
        return OUTCOME_CANCELLED;
    case VGPU_STUB_ERR_OUT_OF_MEMORY:
        return OUTCOME_OUT_OF_MEMORY;
    case VGPU_STUB_ERR_INVALID_HANDLE:
        return OUTCOME_INVALID_HANDLE;
    case VGPU_STUB_ERR_UNKNOWN_KERNEL:
        return OUTCOME_UNKNOWN_KERNEL;
    case VGPU_STUB_ERR_BUILD_FAILED:
        return OUTCOME_BUILD_FAILED;
    case VGPU_STUB_ERR_CONTEXT_LOST:
        return OUTCOME_CONTEXT_LOST;
    default:
        return OUTCOME_OTHER;
    }
}

bool outcome_failed(OutcomeKind kind)
{
    return kind != OUTCOME_DONE && kind != OUTCOME_CANCELLED;
}
