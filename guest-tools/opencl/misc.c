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

/* There are no images, and so no formats. */
cl_int CL_API_CALL clGetSupportedImageFormats(cl_context context,
                                              cl_mem_flags flags,
                                              cl_mem_object_type type,
                                              cl_uint num_entries,
                                              cl_image_format *formats,
                                              cl_uint *num_formats)
{
    (void)flags;
    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    if (type < CL_MEM_OBJECT_IMAGE2D || type > CL_MEM_OBJECT_IMAGE1D_BUFFER ||
        (num_entries == 0 && formats)) {
        return CL_INVALID_VALUE;
    }
    if (num_formats) {
        *num_formats = 0;
    }
    return CL_SUCCESS;
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
