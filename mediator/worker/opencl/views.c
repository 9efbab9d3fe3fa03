/*
 * Images of the type IMAGE1D_BUFFER: their pixels are bytes of a buffer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "views.h"

static cl_command_queue queue_of(const ClImage *view)
{
    return view->session->backend->queue;
}

cl_int cl_view_write(const ClImage *view, const ClPart *part,
                     const void *bytes, cl_event *event)
{
    return cl.clEnqueueWriteBuffer(queue_of(view), view->buffer->memory,
                                   CL_FALSE, cl_view_offset(view, part),
                                   part->bytes, bytes, 0, NULL, event);
}

cl_int cl_view_read(const ClImage *view, const ClPart *part, void *bytes,
                    cl_event *event)
{
    return cl.clEnqueueReadBuffer(queue_of(view), view->buffer->memory,
                                  CL_FALSE, cl_view_offset(view, part),
                                  part->bytes, bytes, 0, NULL, event);
}

cl_int cl_view_copy_from(const ClImage *view, const ClPart *part,
                         cl_mem buffer, size_t offset, cl_event *event)
{
    return cl.clEnqueueCopyBuffer(queue_of(view), view->buffer->memory, buffer,
                                  cl_view_offset(view, part), offset,
                                  part->bytes, 0, NULL, event);
}

cl_int cl_view_copy_to(const ClImage *view, const ClPart *part, cl_mem buffer,
                       size_t offset, cl_event *event)
{
    return cl.clEnqueueCopyBuffer(queue_of(view), buffer, view->buffer->memory,
                                  offset, cl_view_offset(view, part),
                                  part->bytes, 0, NULL, event);
}

/*
 * What a pixel of @color is, which the driver alone knows: by an image of one,
 * which is waited for.
 */
static cl_int find_pixel(const ClImage *view, const uint32_t color[4],
                         uint8_t pixel[CL_PIXEL_MAX])
{
    const cl_image_desc description = {
        .image_type = CL_MEM_OBJECT_IMAGE1D, .image_width = 1,
    };
    static const size_t begin[3], one[3] = { 1, 1, 1 };
    cl_int status;
    cl_mem image = cl.clCreateImage(view->session->backend->context,
                                    CL_MEM_READ_WRITE, &view->format,
                                    &description, NULL, &status);

    if (image == NULL) {
        return status;
    }
    status = cl.clEnqueueFillImage(queue_of(view), image, color, begin, one, 0,
                                   NULL, NULL);
    if (status == CL_SUCCESS) {
        status = cl.clEnqueueReadImage(queue_of(view), image, CL_TRUE, begin,
                                       one, 0, 0, pixel, 0, NULL, NULL);
    }
    cl.clReleaseMemObject(image);
    return status;
}

cl_int cl_view_fill(const ClImage *view, const ClPart *part,
                    const uint32_t color[4], cl_event *event)
{
    uint8_t pixel[CL_PIXEL_MAX];
    const cl_int status = find_pixel(view, color, pixel);

    return status != CL_SUCCESS ? status : cl.clEnqueueFillBuffer(
        queue_of(view), view->buffer->memory, pixel, view->pixel,
        cl_view_offset(view, part), part->bytes, 0, NULL, event);
}
