/*
 * OpenCL in the guest: the formats of images that the host has
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "image.h"
#include "mem-make.h"

/* What the host has said once; the list is kept. */
struct formats {
    cl_mem_flags flags;
    cl_mem_object_type type;
    cl_uint count;
    cl_image_format *list;
    struct formats *next;
};

static struct formats *known;           /* with the lock */

static const struct formats *find_formats(cl_mem_flags flags,
                                          cl_mem_object_type type)
{
    const struct formats *formats;

    opencl_lock();
    formats = known;
    while (formats && (formats->flags != flags || formats->type != type)) {
        formats = formats->next;
    }
    opencl_unlock();
    return formats;
}

/* Two threads may ask at once; both answers stay. */
static cl_int ask_formats(cl_mem_flags flags, cl_mem_object_type type,
                          const struct formats **result)
{
    const struct vgpu_stub_cl_image_formats query = {
        .type = type, .flags = flags,
    };
    struct formats *formats = calloc(1, sizeof(*formats) +
                                     VGPU_STUB_CL_PAYLOAD_MAX);
    size_t length = 0;
    cl_int status;

    if (!formats) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    formats->flags = flags;
    formats->type = type;
    formats->list = (cl_image_format *)(formats + 1);
    status = host_call(opencl_device.host, HOST_COMMAND(IMAGE_FORMATS, &query),
                       formats->list, VGPU_STUB_CL_PAYLOAD_MAX, &length);
    if (status != CL_SUCCESS) {
        free(formats);
        return status == CL_DEVICE_NOT_AVAILABLE ? CL_OUT_OF_RESOURCES
                                                 : status;
    }
    formats->count = length / sizeof(*formats->list);
    opencl_lock();
    formats->next = known;
    known = formats;
    opencl_unlock();
    *result = formats;
    return CL_SUCCESS;
}

/* Waits the first time, without the lock. */
static cl_int get_formats(cl_mem_flags flags, cl_mem_object_type type,
                          const struct formats **formats)
{
    const cl_mem_flags own = flags & (MEM_ACCESS |
                                      CL_MEM_KERNEL_READ_AND_WRITE);
    const cl_mem_flags asked = own ? own : CL_MEM_READ_WRITE;

    *formats = find_formats(asked, type);
    return *formats ? CL_SUCCESS : ask_formats(asked, type, formats);
}

/* Has OpenCL such a format at all? Packed channels are those of colors. */
static bool is_valid(const cl_image_format *format)
{
    const cl_channel_type type = format->image_channel_data_type;
    const bool packed = type == CL_UNORM_SHORT_565 ||
                        type == CL_UNORM_SHORT_555 ||
                        type == CL_UNORM_INT_101010;

    return format->image_channel_order >= CL_R &&
           format->image_channel_order <= CL_ABGR && type >= CL_SNORM_INT8 &&
           type <= CL_UNORM_INT_101010_2 &&
           (!packed || format->image_channel_order == CL_RGB ||
            format->image_channel_order == CL_RGBx);
}

/* Those with padding may have as much of it as there is in others. */
static size_t count_channels(cl_channel_order order)
{
    switch (order) {
    case CL_R:
    case CL_A:
    case CL_INTENSITY:
    case CL_LUMINANCE:
    case CL_DEPTH:
        return 1;
    case CL_RG:
    case CL_RA:
    case CL_Rx:
        return 2;
    default:
        return 4;
    }
}

size_t image_pixel_most(const cl_image_format *format)
{
    const size_t count = count_channels(format->image_channel_order);

    switch (format->image_channel_data_type) {
    case CL_SNORM_INT8:
    case CL_UNORM_INT8:
    case CL_SIGNED_INT8:
    case CL_UNSIGNED_INT8:
        return count;
    case CL_SNORM_INT16:
    case CL_UNORM_INT16:
    case CL_SIGNED_INT16:
    case CL_UNSIGNED_INT16:
    case CL_HALF_FLOAT:
        return 2 * count;
    case CL_UNORM_SHORT_565:
    case CL_UNORM_SHORT_555:
    case CL_UNORM_INT_101010:
    case CL_UNORM_INT_101010_2:
        return 4;
    default:
        return 4 * count;
    }
}

cl_int image_check_format(const cl_image_format *format, cl_mem_flags flags,
                          cl_mem_object_type type)
{
    const struct formats *formats;
    cl_int status;

    if (!format || !is_valid(format)) {
        return CL_INVALID_IMAGE_FORMAT_DESCRIPTOR;
    }
    status = get_formats(flags, type, &formats);
    if (status != CL_SUCCESS) {
        return status;
    }
    for (cl_uint i = 0; i < formats->count; i++) {
        if (memcmp(&formats->list[i], format, sizeof(*format)) == 0) {
            return CL_SUCCESS;
        }
    }
    return CL_IMAGE_FORMAT_NOT_SUPPORTED;
}

cl_int CL_API_CALL clGetSupportedImageFormats(cl_context context,
                                              cl_mem_flags flags,
                                              cl_mem_object_type type,
                                              cl_uint num_entries,
                                              cl_image_format *list,
                                              cl_uint *num_formats)
{
    const struct formats *formats;
    cl_int status;

    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    if (image_dimensions(type) == 0 || (num_entries == 0 && list) ||
        !mem_flags_are_valid(flags & ~CL_MEM_KERNEL_READ_AND_WRITE)) {
        return CL_INVALID_VALUE;
    }
    status = get_formats(flags, type, &formats);
    if (status != CL_SUCCESS) {
        return status;
    }
    for (cl_uint i = 0; list && i < num_entries && i < formats->count; i++) {
        list[i] = formats->list[i];
    }
    if (num_formats) {
        *num_formats = formats->count;
    }
    return CL_SUCCESS;
}
