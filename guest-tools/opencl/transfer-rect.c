/*
 * OpenCL in the guest: reading, writing and copying rectangles
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "enqueue.h"
#include "host-access.h"

struct rect_transfer {
    struct box_transfer box;
    cl_mem mem;
    struct rect there;
};

static void describe_rect(const struct box_transfer *box_transfer,
                          const struct box *box, struct box_command *command)
{
    const struct rect_transfer *transfer =
        (const struct rect_transfer *)box_transfer;
    const struct rect *there = &transfer->there;
    struct vgpu_stub_cl_rect *rect = &command->structure.rect;

    command->opcode = box_transfer->read ? VGPU_STUB_CL_BUFFER_READ_RECT
                                         : VGPU_STUB_CL_BUFFER_WRITE_RECT;
    command->size = sizeof(*rect);
    *rect = (struct vgpu_stub_cl_rect) {
        .buffer = transfer->mem->id,
        .row_pitch = there->row_pitch,
        .slice_pitch = there->slice_pitch,
    };
    for (unsigned i = 0; i < 3; i++) {
        rect->origin[i] = there->origin[i] + box->origin[i];
        rect->region[i] = box->region[i];
    }
}

/* What a function was given, beside the enqueued command's own */
struct rect_call {
    bool read;
    cl_mem mem;
    const size_t *buffer_origin;
    const size_t *host_origin;
    const size_t *region;
    size_t buffer_row_pitch;
    size_t buffer_slice_pitch;
    size_t host_row_pitch;
    size_t host_slice_pitch;
    void *bytes;
};

static cl_int enqueue_rect(struct enqueue *call, const struct rect_call *given)
{
    struct rect_transfer *transfer = NULL;
    struct rect there, here;
    cl_int status = enqueue_begin(call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(call, given->mem);
    }
    if (status == CL_SUCCESS &&
        (!given->bytes ||
         !rect_set(&there, given->buffer_origin, given->region,
                   given->buffer_row_pitch, given->buffer_slice_pitch) ||
         !rect_set(&here, given->host_origin, given->region,
                   given->host_row_pitch, given->host_slice_pitch) ||
         !rect_is_within(&there, given->region, given->mem->size))) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS) {
        status = host_access_check(given->mem, given->read);
    }
    if (status == CL_SUCCESS) {
        transfer = work_new(sizeof(*transfer), box_issue);
        work_use(transfer, given->mem);
    }
    if (transfer) {
        transfer->box.read = given->read;
        transfer->box.unit = 1;
        memcpy(transfer->box.region, given->region,
               sizeof(transfer->box.region));
        transfer->box.here = here;
        transfer->box.bytes = given->bytes;
        transfer->box.describe = describe_rect;
        transfer->mem = given->mem;
        transfer->there = there;
    }
    return enqueue_end(call, status, transfer);
}

cl_int CL_API_CALL clEnqueueReadBufferRect(
    cl_command_queue queue, cl_mem mem, cl_bool blocking,
    const size_t *buffer_origin, const size_t *host_origin,
    const size_t *region, size_t buffer_row_pitch, size_t buffer_slice_pitch,
    size_t host_row_pitch, size_t host_slice_pitch, void *bytes, cl_uint count,
    const cl_event *list, cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_READ_BUFFER_RECT, blocking,
                            count, list, event, false, false };
    const struct rect_call given = {
        true, mem, buffer_origin, host_origin, region, buffer_row_pitch,
        buffer_slice_pitch, host_row_pitch, host_slice_pitch, bytes,
    };

    return enqueue_rect(&call, &given);
}

cl_int CL_API_CALL clEnqueueWriteBufferRect(
    cl_command_queue queue, cl_mem mem, cl_bool blocking,
    const size_t *buffer_origin, const size_t *host_origin,
    const size_t *region, size_t buffer_row_pitch, size_t buffer_slice_pitch,
    size_t host_row_pitch, size_t host_slice_pitch, const void *bytes,
    cl_uint count, const cl_event *list, cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_WRITE_BUFFER_RECT, blocking,
                            count, list, event, false, false };
    const struct rect_call given = {
        false, mem, buffer_origin, host_origin, region, buffer_row_pitch,
        buffer_slice_pitch, host_row_pitch, host_slice_pitch, (void *)bytes,
    };

    return enqueue_rect(&call, &given);
}

/* --- Copying --- */

struct rect_copy {
    struct work work;
    struct vgpu_stub_cl_copy_rect copy;
};

static void issue_rect_copy(cl_event event, struct work *work)
{
    const struct rect_copy *copy = (struct rect_copy *)work;

    event_put(event, HOST_COMMAND(BUFFER_COPY_RECT, &copy->copy), NULL, true);
}

static void set_copy(struct vgpu_stub_cl_copy_rect *copy, cl_mem source,
                     cl_mem target, const struct rect *from,
                     const struct rect *to, const size_t region[3])
{
    copy->source = source->id;
    copy->target = target->id;
    copy->source_row_pitch = from->row_pitch;
    copy->source_slice_pitch = from->slice_pitch;
    copy->target_row_pitch = to->row_pitch;
    copy->target_slice_pitch = to->slice_pitch;
    for (unsigned i = 0; i < 3; i++) {
        copy->source_origin[i] = from->origin[i];
        copy->target_origin[i] = to->origin[i];
        copy->region[i] = region[i];
    }
}

/* With the rectangles' places in what both are parts of */
static bool copies_overlap(cl_mem source, cl_mem target, struct rect from,
                           struct rect to, const size_t region[3])
{
    if ((source->parent ? source->parent : source) !=
        (target->parent ? target->parent : target)) {
        return false;
    }
    from.origin[0] += source->origin;
    to.origin[0] += target->origin;
    return rect_overlap(&from, &to, region);
}

static cl_int check_copy(cl_mem source, cl_mem target, const struct rect *from,
                         const struct rect *to, const size_t region[3])
{
    if (!rect_is_within(from, region, source->size) ||
        !rect_is_within(to, region, target->size) ||
        (source == target && (from->row_pitch != to->row_pitch ||
                              from->slice_pitch != to->slice_pitch))) {
        return CL_INVALID_VALUE;
    }
    return copies_overlap(source, target, *from, *to, region)
           ? CL_MEM_COPY_OVERLAP : CL_SUCCESS;
}

cl_int CL_API_CALL clEnqueueCopyBufferRect(
    cl_command_queue queue, cl_mem source, cl_mem target,
    const size_t *source_origin, const size_t *target_origin,
    const size_t *region, size_t source_row_pitch, size_t source_slice_pitch,
    size_t target_row_pitch, size_t target_slice_pitch, cl_uint count,
    const cl_event *list, cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_COPY_BUFFER_RECT, false, count,
                            list, event, false, false };
    struct rect_copy *copy = NULL;
    struct rect from, to;
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(&call, source);
    }
    if (status == CL_SUCCESS) {
        status = enqueue_check_buffer(&call, target);
    }
    if (status == CL_SUCCESS &&
        (!rect_set(&from, source_origin, region, source_row_pitch,
                   source_slice_pitch) ||
         !rect_set(&to, target_origin, region, target_row_pitch,
                   target_slice_pitch))) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS) {
        status = check_copy(source, target, &from, &to, region);
    }
    if (status == CL_SUCCESS) {
        copy = work_new(sizeof(*copy), issue_rect_copy);
        work_use(copy, source);
        work_use(copy, target);
    }
    if (copy) {
        set_copy(&copy->copy, source, target, &from, &to, region);
    }
    return enqueue_end(&call, status, copy);
}
