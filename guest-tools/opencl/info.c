/*
 * OpenCL in the guest: what the clGet…Info() functions return
 *
 * SPDX-License-Identifier: MIT
 */
#include "info.h"

#include <string.h>

cl_int info_bytes(const struct info *info, const void *bytes, size_t size)
{
    if (info->value) {
        if (info->size < size) {
            return CL_INVALID_VALUE;
        }
        if (size > 0) {
            memcpy(info->value, bytes, size);
        }
    }
    if (info->size_ret) {
        *info->size_ret = size;
    }
    return CL_SUCCESS;
}

cl_int info_string(const struct info *info, const char *string)
{
    const char *text = string ? string : "";

    return info_bytes(info, text, strlen(text) + 1);
}

cl_int info_fields(const struct info *info, const void *object,
                   const struct info_field *fields, size_t count,
                   cl_uint name)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name == name) {
            return info_bytes(info, (const char *)object + fields[i].offset,
                              fields[i].size);
        }
    }
    return CL_INVALID_VALUE;
}
