/*
 * Images of the type IMAGE1D_BUFFER: their pixels are bytes of a buffer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_VIEWS_H
#define WORKER_OPENCL_VIEWS_H

#include "images.h"

static inline bool cl_view_is(const ClImage *image)
{
    return image->type == CL_MEM_OBJECT_IMAGE1D_BUFFER;
}

/* Bytes from the buffer's begin to the part */
static inline size_t cl_view_offset(const ClImage *view, const ClPart *part)
{
    return part->origin[0] * view->pixel;
}

/*
 * What clEnqueueWriteImage() and so on do for other images, without waiting;
 * *@event is the command's.
 */
cl_int cl_view_write(const ClImage *view, const ClPart *part,
                     const void *bytes, cl_event *event);
cl_int cl_view_read(const ClImage *view, const ClPart *part, void *bytes,
                    cl_event *event);
cl_int cl_view_fill(const ClImage *view, const ClPart *part,
                    const uint32_t color[4], cl_event *event);
cl_int cl_view_copy_from(const ClImage *view, const ClPart *part,
                         cl_mem buffer, size_t offset, cl_event *event);
cl_int cl_view_copy_to(const ClImage *view, const ClPart *part, cl_mem buffer,
                       size_t offset, cl_event *event);

#endif /* WORKER_OPENCL_VIEWS_H */
