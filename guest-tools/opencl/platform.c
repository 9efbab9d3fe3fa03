/*
 * OpenCL in the guest: the platform, and how the loader finds all that there is
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "device.h"

#define EXPORT __attribute__((visibility("default")))

struct _cl_platform_id opencl_platform = {
    .object = {
        .dispatch = &opencl_dispatch, .kind = OBJECT_PLATFORM, .refs = 1,
    },
};

/* Where there is no device there is no platform: programs take the first. */
EXPORT cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint num_entries,
                                                 cl_platform_id *platforms,
                                                 cl_uint *num_platforms)
{
    if ((num_entries == 0 && platforms) || (!num_platforms && !platforms)) {
        return CL_INVALID_VALUE;
    }
    if (!device_find()) {
        if (num_platforms) {
            *num_platforms = 0;
        }
        return CL_PLATFORM_NOT_FOUND_KHR;
    }
    if (platforms) {
        platforms[0] = &opencl_platform;
    }
    if (num_platforms) {
        *num_platforms = 1;
    }
    return CL_SUCCESS;
}

cl_int CL_API_CALL clGetPlatformIDs(cl_uint num_entries,
                                    cl_platform_id *platforms,
                                    cl_uint *num_platforms)
{
    return clIcdGetPlatformIDsKHR(num_entries, platforms, num_platforms);
}

EXPORT cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id platform,
                                            cl_platform_info name, size_t size,
                                            void *value, size_t *size_ret)
{
    const struct info info = { size, value, size_ret };
    const cl_name_version icd = {
        .version = CL_MAKE_VERSION(1, 0, 0), .name = "cl_khr_icd",
    };

    if (!object_is(platform, OBJECT_PLATFORM)) {
        return CL_INVALID_PLATFORM;
    }
    switch (name) {
    case CL_PLATFORM_PROFILE:
        return info_string(&info, "FULL_PROFILE");
    case CL_PLATFORM_VERSION:
        return info_string(&info, "OpenCL 3.0 vgpu-stub " VERSION);
    case CL_PLATFORM_NUMERIC_VERSION:
        return INFO_RETURN(&info, cl_version, CL_MAKE_VERSION(3, 0, 0));
    case CL_PLATFORM_NAME:
    case CL_PLATFORM_VENDOR:
        return info_string(&info, "vgpu-stub");
    case CL_PLATFORM_EXTENSIONS:
        return info_string(&info, icd.name);
    case CL_PLATFORM_EXTENSIONS_WITH_VERSION:
        return info_bytes(&info, &icd, sizeof(icd));
    case CL_PLATFORM_ICD_SUFFIX_KHR:
        return info_string(&info, "VGPUSTUB");
    case CL_PLATFORM_HOST_TIMER_RESOLUTION:
        return INFO_RETURN(&info, cl_ulong, 0);
    default:
        return CL_INVALID_VALUE;
    }
}

EXPORT void *CL_API_CALL clGetExtensionFunctionAddress(const char *name)
{
    static const struct {
        const char *name;
        void *address;
    } functions[] = {
        { "clIcdGetPlatformIDsKHR", clIcdGetPlatformIDsKHR },
        { "clGetPlatformInfo", clGetPlatformInfo },
        { "clGetKernelSubGroupInfoKHR", clGetKernelSubGroupInfo },
    };

    for (size_t i = 0; name && i < sizeof(functions) / sizeof(functions[0]);
         i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return functions[i].address;
        }
    }
    return NULL;
}

void *CL_API_CALL clGetExtensionFunctionAddressForPlatform(
    cl_platform_id platform, const char *name)
{
    return object_is(platform, OBJECT_PLATFORM)
           ? clGetExtensionFunctionAddress(name) : NULL;
}
