/*
 * OpenCL in the guest: making images
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "device.h"
#include "image.h"
#include "mem-make.h"

/* What an image is made of, beside what is in its own structure */
struct design {
    cl_mem_flags flags;
    const cl_image_format *format;
    const cl_image_desc *desc;
    void *host_ptr;
};

static bool is_array(cl_mem_object_type type)
{
    return type == CL_MEM_OBJECT_IMAGE1D_ARRAY ||
           type == CL_MEM_OBJECT_IMAGE2D_ARRAY;
}

/* Is it a view of a buffer? */
static bool is_view(const cl_image_desc *desc)
{
    return desc->image_type == CL_MEM_OBJECT_IMAGE1D_BUFFER ||
           (desc->image_type == CL_MEM_OBJECT_IMAGE2D && desc->mem_object);
}

/* --- What is asked for --- */

static bool is_size(size_t size, cl_device_info most)
{
    return size > 0 && size <= device_number(most);
}

static cl_int check_sizes(const cl_image_desc *desc)
{
    const size_t width = desc->image_width, height = desc->image_height;
    bool good = false;

    switch (desc->image_type) {
    case CL_MEM_OBJECT_IMAGE1D_BUFFER:
        good = is_size(width, CL_DEVICE_IMAGE_MAX_BUFFER_SIZE);
        break;
    case CL_MEM_OBJECT_IMAGE1D:
    case CL_MEM_OBJECT_IMAGE1D_ARRAY:
        good = is_size(width, CL_DEVICE_IMAGE2D_MAX_WIDTH);
        break;
    case CL_MEM_OBJECT_IMAGE2D:
    case CL_MEM_OBJECT_IMAGE2D_ARRAY:
        good = is_size(width, CL_DEVICE_IMAGE2D_MAX_WIDTH) &&
               is_size(height, CL_DEVICE_IMAGE2D_MAX_HEIGHT);
        break;
    case CL_MEM_OBJECT_IMAGE3D:
        good = is_size(width, CL_DEVICE_IMAGE3D_MAX_WIDTH) &&
               is_size(height, CL_DEVICE_IMAGE3D_MAX_HEIGHT) &&
               is_size(desc->image_depth, CL_DEVICE_IMAGE3D_MAX_DEPTH);
        break;
    }
    if (is_array(desc->image_type)) {
        good = good && is_size(desc->image_array_size,
                               CL_DEVICE_IMAGE_MAX_ARRAY_SIZE);
    }
    return good ? CL_SUCCESS : CL_INVALID_IMAGE_SIZE;
}

static cl_int check_view(cl_context context, const struct design *design)
{
    const cl_mem buffer = design->desc->mem_object;

    if (!object_is(buffer, OBJECT_MEM) ||
        buffer->type != CL_MEM_OBJECT_BUFFER) {
        return CL_INVALID_IMAGE_DESCRIPTOR;
    }
    if (buffer->context != context) {
        return CL_INVALID_CONTEXT;
    }
    if (design->desc->image_type == CL_MEM_OBJECT_IMAGE2D &&
        device_number(CL_DEVICE_IMAGE_PITCH_ALIGNMENT) == 0) {
        return CL_INVALID_OPERATION;
    }
    return mem_may_inherit(design->flags, buffer->flags) ? CL_SUCCESS
                                                         : CL_INVALID_VALUE;
}

/* Pitches, and what is only of use with another image or mipmaps */
static cl_int check_desc(cl_context context, const struct design *design)
{
    const cl_image_desc *desc = design->desc;
    const bool pitched = desc->image_row_pitch || desc->image_slice_pitch;

    if (desc->num_mip_levels || desc->num_samples ||
        (desc->mem_object && !is_view(desc)) ||
        (pitched && !design->host_ptr && !is_view(desc))) {
        return CL_INVALID_IMAGE_DESCRIPTOR;
    }
    return is_view(desc) ? check_view(context, design) : CL_SUCCESS;
}

/* Waits the first time, without the lock. */
static cl_int check_design(cl_context context, const struct design *design)
{
    cl_int status = mem_check_pointer(design->flags, design->host_ptr);

    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    if (!mem_flags_are_valid(design->flags)) {
        return CL_INVALID_VALUE;
    }
    if (!design->format) {
        return CL_INVALID_IMAGE_FORMAT_DESCRIPTOR;
    }
    if (!design->desc || image_dimensions(design->desc->image_type) == 0) {
        return CL_INVALID_IMAGE_DESCRIPTOR;
    }
    if (device_number(CL_DEVICE_IMAGE_SUPPORT) == CL_FALSE) {
        return session_lost(context->host->session) ? CL_OUT_OF_RESOURCES
                                                    : CL_INVALID_OPERATION;
    }
    if (status == CL_SUCCESS) {
        status = image_check_format(design->format, design->flags,
                                    design->desc->image_type);
    }
    if (status == CL_SUCCESS) {
        status = check_desc(context, design);
    }
    return status == CL_SUCCESS ? check_sizes(design->desc) : status;
}

/* --- Making it --- */

/* With the lock */
static cl_mem image_new(cl_context context, const struct design *design)
{
    const cl_image_desc *desc = design->desc;
    const cl_mem parent = is_view(desc) ? desc->mem_object : NULL;
    const unsigned count = image_dimensions(desc->image_type) -
                           is_array(desc->image_type);
    cl_mem image = mem_new(context, desc->image_type,
                           parent ? mem_inherit_flags(design->flags,
                                                      parent->flags)
                                  : design->flags);

    if (!image) {
        return NULL;
    }
    image->image = (struct image) {
        .format = *design->format,
        .width = desc->image_width,
        .height = count >= 2 ? desc->image_height : 0,
        .depth = count >= 3 ? desc->image_depth : 0,
        .layers = is_array(desc->image_type) ? desc->image_array_size : 0,
    };
    if (parent) {
        image->parent = parent;
        image->host_ptr = parent->host_ptr;
        object_use(parent);
    } else if (image->flags & CL_MEM_USE_HOST_PTR) {
        image->host_ptr = design->host_ptr;
    }
    return image;
}

/* Without the lock */
static cl_int make_on_host(cl_mem image, const struct design *design)
{
    struct vgpu_stub_cl_image_create create = {
        .id = mem_take_id(image),
        .type = image->type,
        .channel_order = design->format->image_channel_order,
        .channel_type = design->format->image_channel_data_type,
        .buffer = image->parent ? image->parent->id : 0,
        .flags = image->flags & MEM_ACCESS,
    };
    struct vgpu_stub_cl_image made = { .pixel = 0 };
    size_t sizes[3];
    cl_int status;

    image_sizes(image, sizes);
    for (unsigned i = 0; i < 3; i++) {
        create.size[i] = sizes[i];
    }
    if (image->parent && image->type == CL_MEM_OBJECT_IMAGE2D) {
        create.row_pitch = design->desc->image_row_pitch;
    }
    status = mem_make_on_host(image, create.id,
                              HOST_COMMAND(IMAGE_CREATE, &create), &made,
                              sizeof(made));
    image->image.pixel = made.pixel;
    /* By its pixels is known how much goes to the program's memory. */
    return status == CL_SUCCESS &&
           (made.pixel == 0 ||
            made.pixel > image_pixel_most(design->format))
           ? CL_OUT_OF_RESOURCES : status;
}

/* How it lies in the program's memory, and how large it is there */
static cl_int set_pitches(cl_mem image, const cl_image_desc *desc)
{
    struct image *own = &image->image;
    size_t sizes[3], row, slice, whole;

    image_sizes(image, sizes);
    if (__builtin_mul_overflow(own->width, own->pixel, &row)) {
        return CL_INVALID_IMAGE_SIZE;
    }
    own->row_pitch = desc->image_row_pitch ? desc->image_row_pitch : row;
    if (own->row_pitch < row || own->row_pitch % own->pixel ||
        __builtin_mul_overflow(own->row_pitch, image->type ==
                               CL_MEM_OBJECT_IMAGE1D_ARRAY ? 1 : sizes[1],
                               &slice)) {
        return CL_INVALID_IMAGE_DESCRIPTOR;
    }
    if (image_dimensions(image->type) < 3 && !is_array(image->type)) {
        image->size = slice;
        return CL_SUCCESS;
    }
    own->slice_pitch = desc->image_slice_pitch ? desc->image_slice_pitch
                                               : slice;
    if (own->slice_pitch < slice || own->slice_pitch % own->row_pitch ||
        __builtin_mul_overflow(own->slice_pitch,
                               is_array(image->type) ? own->layers
                                                     : own->depth, &whole)) {
        return CL_INVALID_IMAGE_DESCRIPTOR;
    }
    image->size = whole;
    return CL_SUCCESS;
}

static cl_int fill_image(cl_mem image, void *host_ptr)
{
    static const size_t begin[3];
    const struct rect here = image_layout(image, image->image.row_pitch,
                                          image->image.slice_pitch);
    struct image_transfer transfer;
    size_t sizes[3];

    image_sizes(image, sizes);
    image_transfer_set(&transfer, image, false, begin, sizes, &here, host_ptr);
    return box_upload(image->context->host, &transfer.box);
}

static cl_mem create(cl_context context, const cl_mem_properties *properties,
                     const struct design *design, cl_int *errcode_ret)
{
    cl_int status = check_design(context, design);
    cl_mem image = NULL;

    if (status == CL_SUCCESS && properties && properties[0]) {
        status = CL_INVALID_PROPERTY;
    }
    if (status == CL_SUCCESS) {
        opencl_lock();
        image = image_new(context, design);
        opencl_unlock();
        status = image && mem_set_properties(image, properties)
                 ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    if (status == CL_SUCCESS) {
        status = make_on_host(image, design);
    }
    if (status == CL_SUCCESS) {
        status = set_pitches(image, design->desc);
    }
    if (status == CL_SUCCESS && design->host_ptr) {
        status = fill_image(image, design->host_ptr);
    }
    return mem_end_creation(image, status, errcode_ret);
}

cl_mem CL_API_CALL clCreateImageWithProperties(
    cl_context context, const cl_mem_properties *properties,
    cl_mem_flags flags, const cl_image_format *format,
    const cl_image_desc *desc, void *host_ptr, cl_int *errcode_ret)
{
    const struct design design = { flags, format, desc, host_ptr };

    return create(context, properties, &design, errcode_ret);
}

cl_mem CL_API_CALL clCreateImage(cl_context context, cl_mem_flags flags,
                                 const cl_image_format *format,
                                 const cl_image_desc *desc, void *host_ptr,
                                 cl_int *errcode_ret)
{
    return clCreateImageWithProperties(context, NULL, flags, format, desc,
                                       host_ptr, errcode_ret);
}

/* Those of OpenCL 1.1 have another error for pitches. */
static cl_mem create_old(cl_context context, const struct design *design,
                         cl_int *errcode_ret)
{
    cl_int status;
    cl_mem image = create(context, NULL, design, &status);

    if (errcode_ret) {
        *errcode_ret = status == CL_INVALID_IMAGE_DESCRIPTOR
                       ? CL_INVALID_IMAGE_SIZE : status;
    }
    return image;
}

cl_mem CL_API_CALL clCreateImage2D(cl_context context, cl_mem_flags flags,
                                   const cl_image_format *format, size_t width,
                                   size_t height, size_t row_pitch,
                                   void *host_ptr, cl_int *errcode_ret)
{
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE2D,
        .image_width = width,
        .image_height = height,
        .image_row_pitch = row_pitch,
    };
    const struct design design = { flags, format, &desc, host_ptr };

    return create_old(context, &design, errcode_ret);
}

cl_mem CL_API_CALL clCreateImage3D(cl_context context, cl_mem_flags flags,
                                   const cl_image_format *format, size_t width,
                                   size_t height, size_t depth,
                                   size_t row_pitch, size_t slice_pitch,
                                   void *host_ptr, cl_int *errcode_ret)
{
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE3D,
        .image_width = width,
        .image_height = height,
        .image_depth = depth,
        .image_row_pitch = row_pitch,
        .image_slice_pitch = slice_pitch,
    };
    const struct design design = { flags, format, &desc, host_ptr };

    return create_old(context, &design, errcode_ret);
}
