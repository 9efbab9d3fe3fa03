/*
 * vgpu-stub: what there is of OpenCL
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_CLI_OPENCL_H
#define VGPU_STUB_CLI_OPENCL_H

#include "finding.h"
#include "vgpu-stub.h"

/*
 * Say whether programs of the machine find this device by OpenCL, and if not,
 * what to do; that is never a problem of the device.
 */
void opencl_examine(const struct vgpu_stub_info *info,
                    const struct vgpu_stub_accelerator *accelerator,
                    struct finding *finding);

#endif /* VGPU_STUB_CLI_OPENCL_H */
