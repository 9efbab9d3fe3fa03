/*
 * OpenCL in the guest: copying images to each other, to buffers and from them
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "image.h"

struct image_copy {
    struct work work;
    struct vgpu_stub_cl_image_copy copy;
};

static void issue_image_copy(cl_event event, struct work *work)
{
    const struct image_copy *copy = (struct image_copy *)work;

    event_put(event, HOST_COMMAND(IMAGE_COPY, &copy->copy), NULL, true);
}

static bool parts_overlap(const size_t *one, const size_t *other,
                          const size_t *region)
{
    for (unsigned i = 0; i < 3; i++) {
        if (one[i] >= other[i] + region[i] || other[i] >= one[i] + region[i]) {
            return false;
        }
    }
    return true;
}

static cl_int check_copy(cl_mem source, cl_mem target, const size_t *from,
                         const size_t *to, const size_t *region)
{
    if (memcmp(&source->image.format, &target->image.format,
               sizeof(source->image.format)) != 0) {
        return CL_IMAGE_FORMAT_MISMATCH;
    }
    if (!image_has(source, from, region) || !image_has(target, to, region)) {
        return CL_INVALID_VALUE;
    }
    return source == target && parts_overlap(from, to, region)
           ? CL_MEM_COPY_OVERLAP : CL_SUCCESS;
}

static void set_copy(struct vgpu_stub_cl_image_copy *copy, cl_mem source,
                     cl_mem target, const size_t *from, const size_t *to,
                     const size_t *region)
{
    copy->source = source->id;
    copy->target = target->id;
    for (unsigned i = 0; i < 3; i++) {
        copy->source_origin[i] = from[i];
        copy->target_origin[i] = to[i];
        copy->region[i] = region[i];
    }
}

cl_int CL_API_CALL clEnqueueCopyImage(cl_command_queue queue, cl_mem source,
                                      cl_mem target,
                                      const size_t *source_origin,
                                      const size_t *target_origin,
                                      const size_t *region, cl_uint count,
                                      const cl_event *list, cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_COPY_IMAGE, false, count, list,
                            event, false, false };
    struct image_copy *copy = NULL;
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_image(&call, source);
    }
    if (status == CL_SUCCESS) {
        status = enqueue_check_image(&call, target);
    }
    if (status == CL_SUCCESS) {
        status = check_copy(source, target, source_origin, target_origin,
                            region);
    }
    if (status == CL_SUCCESS) {
        copy = work_new(sizeof(*copy), issue_image_copy);
        work_use(copy, source);
        work_use(copy, target);
    }
    if (copy) {
        set_copy(&copy->copy, source, target, source_origin, target_origin,
                 region);
    }
    return enqueue_end(&call, status, copy);
}

/* --- Buffers --- */

struct image_buffer {
    struct work work;
    bool to_buffer;
    struct vgpu_stub_cl_image_buffer copy;
};

static void issue_image_buffer(cl_event event, struct work *work)
{
    const struct image_buffer *both = (struct image_buffer *)work;

    event_put(event, both->to_buffer
                     ? HOST_COMMAND(IMAGE_TO_BUFFER, &both->copy)
                     : HOST_COMMAND(BUFFER_TO_IMAGE, &both->copy), NULL, true);
}

static cl_int check_both(cl_mem image, cl_mem buffer, const size_t *origin,
                         const size_t *region, size_t offset)
{
    size_t bytes;

    if (!image_has(image, origin, region)) {
        return CL_INVALID_VALUE;
    }
    bytes = region[0] * region[1] * region[2] * image->image.pixel;
    return mem_has(buffer, offset, bytes) ? CL_SUCCESS : CL_INVALID_VALUE;
}

static cl_int enqueue_both(struct enqueue *call, cl_mem image, cl_mem buffer,
                           const size_t *origin, const size_t *region,
                           size_t offset)
{
    struct image_buffer *both = NULL;
    cl_int status = enqueue_begin(call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_image(call, image);
    }
    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(call, buffer);
    }
    if (status == CL_SUCCESS) {
        status = check_both(image, buffer, origin, region, offset);
    }
    if (status == CL_SUCCESS) {
        both = work_new(sizeof(*both), issue_image_buffer);
        work_use(both, image);
        work_use(both, buffer);
    }
    if (both) {
        both->to_buffer = call->type == CL_COMMAND_COPY_IMAGE_TO_BUFFER;
        both->copy = (struct vgpu_stub_cl_image_buffer) {
            .image = image->id,
            .buffer = buffer->id,
            .origin = { origin[0], origin[1], origin[2] },
            .region = { region[0], region[1], region[2] },
            .offset = offset,
        };
    }
    return enqueue_end(call, status, both);
}

cl_int CL_API_CALL clEnqueueCopyImageToBuffer(
    cl_command_queue queue, cl_mem image, cl_mem buffer, const size_t *origin,
    const size_t *region, size_t offset, cl_uint count, const cl_event *list,
    cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_COPY_IMAGE_TO_BUFFER, false,
                            count, list, event, false, false };

    return enqueue_both(&call, image, buffer, origin, region, offset);
}

cl_int CL_API_CALL clEnqueueCopyBufferToImage(
    cl_command_queue queue, cl_mem buffer, cl_mem image, size_t offset,
    const size_t *origin, const size_t *region, cl_uint count,
    const cl_event *list, cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_COPY_BUFFER_TO_IMAGE, false,
                            count, list, event, false, false };

    return enqueue_both(&call, image, buffer, origin, region, offset);
}
