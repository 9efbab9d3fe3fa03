/*
 * OpenCL in the guest: reading, writing and filling images
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "host-access.h"
#include "image.h"

/* What a function was given, beside the enqueued command's own */
struct image_call {
    bool read;
    cl_mem image;
    const size_t *origin;
    const size_t *region;
    size_t row_pitch;
    size_t slice_pitch;
    void *bytes;
};

/* How the part lies in the program's memory; a pitch of 0 is the least. */
static bool find_layout(const struct image_call *given, struct rect *here)
{
    const struct _cl_mem *image = given->image;
    const size_t row = given->region[0] * image->image.pixel;
    const size_t row_pitch = given->row_pitch ? given->row_pitch : row;
    const size_t rows = image->type == CL_MEM_OBJECT_IMAGE1D_ARRAY
                        ? 1 : given->region[1];
    size_t slice;

    if (row_pitch < row || __builtin_mul_overflow(row_pitch, rows, &slice) ||
        (image->image.slice_pitch && given->slice_pitch &&
         given->slice_pitch < slice)) {
        return false;
    }
    if (image->image.slice_pitch && given->slice_pitch) {
        slice = given->slice_pitch;
    }
    *here = image_layout(image, row_pitch, slice);
    return true;
}

static cl_int enqueue_image(struct enqueue *call,
                            const struct image_call *given)
{
    struct work *work = NULL;
    struct rect here;
    cl_int status = enqueue_begin(call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_image(call, given->image);
    }
    if (status == CL_SUCCESS &&
        (!given->bytes ||
         !image_has(given->image, given->origin, given->region) ||
         !find_layout(given, &here))) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS) {
        status = host_access_check(given->image, given->read);
    }
    if (status == CL_SUCCESS) {
        work = image_transfer_new(given->image, given->read, given->origin,
                                  given->region, &here, given->bytes);
    }
    return enqueue_end(call, status, work);
}

cl_int CL_API_CALL clEnqueueReadImage(cl_command_queue queue, cl_mem image,
                                      cl_bool blocking, const size_t *origin,
                                      const size_t *region, size_t row_pitch,
                                      size_t slice_pitch, void *bytes,
                                      cl_uint count, const cl_event *list,
                                      cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_READ_IMAGE, blocking, count,
                            list, event, false, false };
    const struct image_call given = {
        true, image, origin, region, row_pitch, slice_pitch, bytes,
    };

    return enqueue_image(&call, &given);
}

cl_int CL_API_CALL clEnqueueWriteImage(cl_command_queue queue, cl_mem image,
                                       cl_bool blocking, const size_t *origin,
                                       const size_t *region, size_t row_pitch,
                                       size_t slice_pitch, const void *bytes,
                                       cl_uint count, const cl_event *list,
                                       cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_WRITE_IMAGE, blocking, count,
                            list, event, false, false };
    const struct image_call given = {
        false, image, origin, region, row_pitch, slice_pitch, (void *)bytes,
    };

    return enqueue_image(&call, &given);
}

/* --- Filling --- */

struct image_fill {
    struct work work;
    struct vgpu_stub_cl_image_fill fill;
};

static void issue_fill(cl_event event, struct work *work)
{
    const struct image_fill *fill = (struct image_fill *)work;

    event_put(event, HOST_COMMAND(IMAGE_FILL, &fill->fill), NULL, true);
}

static void set_fill(struct vgpu_stub_cl_image_fill *fill, cl_mem image,
                     const void *color, const size_t *origin,
                     const size_t *region)
{
    const bool depth = image->image.format.image_channel_order == CL_DEPTH;

    fill->image = image->id;
    for (unsigned i = 0; i < 3; i++) {
        fill->origin[i] = origin[i];
        fill->region[i] = region[i];
    }
    /* Of a depth there is one number. */
    memcpy(fill->color, color, depth ? sizeof(fill->color[0])
                                     : sizeof(fill->color));
}

cl_int CL_API_CALL clEnqueueFillImage(cl_command_queue queue, cl_mem image,
                                      const void *color, const size_t *origin,
                                      const size_t *region, cl_uint count,
                                      const cl_event *list, cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_FILL_IMAGE, false, count, list,
                            event, false, false };
    struct image_fill *fill = NULL;
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_image(&call, image);
    }
    if (status == CL_SUCCESS && (!color || !image_has(image, origin, region))) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS) {
        fill = work_new(sizeof(*fill), issue_fill);
        work_use(fill, image);
    }
    if (fill) {
        set_fill(&fill->fill, image, color, origin, region);
    }
    return enqueue_end(&call, status, fill);
}
