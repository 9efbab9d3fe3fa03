/*
 * What a program's kernels take, for the guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_DESCRIPTIONS_H
#define WORKER_OPENCL_DESCRIPTIONS_H

#include "programs.h"

/*
 * Make the text VGPU_STUB_CL_READ_KERNELS of @program, which has been built.
 * Returns OpenCL's status; CL_OUT_OF_HOST_MEMORY: it has no room.
 */
cl_int cl_descriptions_take(ClProgram *program);

/* What the compiler says of an argument; NULL; to be freed with g_free() */
char *cl_argument_text(cl_kernel kernel, cl_uint index,
                       cl_kernel_arg_info what);

#endif /* WORKER_OPENCL_DESCRIPTIONS_H */
