/*
 * OpenCL in the guest: the table that the loader calls through
 *
 * SPDX-License-Identifier: MIT
 */
#include "entries.h"
#include "objects.h"

/* No program gets at these on Linux. */
static cl_int CL_API_CALL refuse(void)
{
    return CL_INVALID_OPERATION;
}

cl_int CL_API_CALL clGetKernelSubGroupInfoKHR(
    cl_kernel kernel, cl_device_id device, cl_kernel_sub_group_info name,
    size_t input_size, const void *input, size_t size, void *value,
    size_t *size_ret)
{
    return clGetKernelSubGroupInfo(kernel, device, name, input_size, input,
                                   size, value, size_ret);
}

#define ENTRY(name, class) .name = name,
#define REFUSED(name) .name = (void *)refuse,

const cl_icd_dispatch opencl_dispatch = {
    ENTRIES(ENTRY)
    ENTRIES_OF_WINDOWS(REFUSED)
};

/* No entry is NULL: the table has as many as the loader's. */
#define COUNT(...) + 1
_Static_assert((ENTRIES(COUNT) ENTRIES_OF_WINDOWS(COUNT)) * sizeof(void *) ==
               sizeof(cl_icd_dispatch), "an entry has been forgotten");
