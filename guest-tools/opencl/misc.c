/*
 * OpenCL in the guest: functions that have nothing to do here
 *
 * SPDX-License-Identifier: MIT
 */
#include "objects.h"

/* The compiler is on the host. */
cl_int CL_API_CALL clUnloadCompiler(void)
{
    return CL_SUCCESS;
}

cl_int CL_API_CALL clUnloadPlatformCompiler(cl_platform_id platform)
{
    return object_is(platform, OBJECT_PLATFORM) ? CL_SUCCESS
                                                : CL_INVALID_PLATFORM;
}

/* All that it could say is about shared virtual memory. */
cl_int CL_API_CALL clSetKernelExecInfo(cl_kernel kernel,
                                       cl_kernel_exec_info name, size_t size,
                                       const void *value)
{
    (void)name;
    (void)size;
    (void)value;
    return object_is(kernel, OBJECT_KERNEL) ? CL_INVALID_OPERATION
                                            : CL_INVALID_KERNEL;
}
