/*
 * OpenCL in the guest: what the program itself may do with memory
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_HOST_ACCESS_H
#define OPENCL_HOST_ACCESS_H

#include "memory.h"

/* May the program read it, or write it, by a command? */
static inline cl_int host_access_check(const struct _cl_mem *mem, bool read)
{
    const cl_mem_flags against = CL_MEM_HOST_NO_ACCESS |
        (read ? CL_MEM_HOST_WRITE_ONLY : CL_MEM_HOST_READ_ONLY);

    return mem->flags & against ? CL_INVALID_OPERATION : CL_SUCCESS;
}

#endif /* OPENCL_HOST_ACCESS_H */
