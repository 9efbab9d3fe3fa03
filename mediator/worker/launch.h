/*
 * What a KERNEL request says
 *
 * A pure function. The specification is docs/operations.md, "KERNEL".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_LAUNCH_H
#define WORKER_LAUNCH_H

#include "backend.h"
#include "protocol/operations.h"

#define LAUNCH_PARAMS OPERATION_KERNEL_PARAMS

typedef struct Launch {
    char kernel[VGPU_STUB_KERNEL_NAME_SIZE];    /* with its NUL */
    NdRange range;
    uint64_t program;           /* handle; 0: the catalogue */
    uint32_t program_length;    /* bytes, 0 for the catalogue */
    /* In host byte order; a buffer is a handle that nobody has looked at. */
    unsigned count;
    struct vgpu_stub_kernel_arg arguments[KERNEL_MAX_ARGUMENTS];
} Launch;

/*
 * Decode and check @call, which has LAUNCH_PARAMS params. @max_group is the
 * most work items that the device takes in a group.
 *
 * Errors: BACKEND_ERROR, with VGPU_STUB_ERR_INVALID_REQUEST.
 */
bool launch_decode(Launch *launch, const Call *call, uint32_t max_group,
                   GError **error);

#endif /* WORKER_LAUNCH_H */
