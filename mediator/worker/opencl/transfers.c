/*
 * What moves data: to buffers, from them and between them
 *
 * Ranges and rectangles are checked here: not all drivers add without overflow.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "transfers.h"

#include "regions.h"

cl_int cl_transfer_begun(ClSession *session, cl_int status, cl_event event,
                         uint64_t size)
{
    const ClWork work = { .result = session->result, .units = size };

    if (status == CL_SUCCESS) {
        cl_timeline_add(session->timeline, event, &work);
    }
    return status;
}

uint8_t *cl_transfer_place(ClSession *session, const ClCommand *command,
                           uint64_t size)
{
    return command->bulk != NULL ? command->bulk
                                 : cl_answer_payload(&session->answer, size);
}

/* The buffer of a range that is inside it; else NULL with *@status */
static ClBuffer *find_range(ClSession *session,
                            const struct vgpu_stub_cl_range *range,
                            cl_int *status)
{
    ClBuffer *buffer = cl_buffer_find(session, range->object);

    if (buffer == NULL) {
        *status = CL_INVALID_MEM_OBJECT;
    } else if (range->size == 0 ||
               !cl_range_fits(range->offset, range->size, buffer->size)) {
        *status = CL_INVALID_VALUE;
    } else {
        return buffer;
    }
    return NULL;
}

cl_int run_BUFFER_WRITE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_range *range = &command->body.range;
    cl_int status;
    const ClBuffer *buffer = find_range(session, range, &status);
    cl_event event;

    if (buffer == NULL) {
        return status;
    }
    status = cl.clEnqueueWriteBuffer(session->backend->queue, buffer->memory,
                                     CL_FALSE, range->offset, range->size,
                                     command->data, 0, NULL, &event);
    return cl_transfer_begun(session, status, event, range->size);
}

cl_int run_BUFFER_READ(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_range *range = &command->body.range;
    cl_int status;
    const ClBuffer *buffer = find_range(session, range, &status);
    uint8_t *target;
    cl_event event;

    if (buffer == NULL) {
        return status;
    }
    target = cl_transfer_place(session, command, range->size);
    if (target == NULL) {
        return CL_NO_ROOM;
    }
    status = cl.clEnqueueReadBuffer(session->backend->queue, buffer->memory,
                                    CL_FALSE, range->offset, range->size,
                                    target, 0, NULL, &event);
    return cl_transfer_begun(session, status, event, range->size);
}

cl_int run_BUFFER_FILL(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_range *range = &command->body.range;
    const size_t pattern = command->length;
    cl_int status;
    const ClBuffer *buffer = find_range(session, range, &status);
    cl_event event;

    if (buffer == NULL) {
        return status;
    }
    /* A power of two, of which both are multiples */
    if (pattern == 0 || (pattern & (pattern - 1)) != 0 ||
        range->offset % pattern != 0 || range->size % pattern != 0) {
        return CL_INVALID_VALUE;
    }
    status = cl.clEnqueueFillBuffer(session->backend->queue, buffer->memory,
                                    command->data, pattern, range->offset,
                                    range->size, 0, NULL, &event);
    return cl_transfer_begun(session, status, event, range->size);
}

cl_int run_BUFFER_COPY(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_copy *copy = &command->body.copy;
    const ClBuffer *source = cl_buffer_find(session, copy->source);
    const ClBuffer *target = cl_buffer_find(session, copy->target);
    cl_event event;
    cl_int status;

    if (source == NULL || target == NULL) {
        return CL_INVALID_MEM_OBJECT;
    }
    if (copy->size == 0 ||
        !cl_range_fits(copy->source_offset, copy->size, source->size) ||
        !cl_range_fits(copy->target_offset, copy->size, target->size)) {
        return CL_INVALID_VALUE;
    }
    status = cl.clEnqueueCopyBuffer(session->backend->queue, source->memory,
                                    target->memory, copy->source_offset,
                                    copy->target_offset, copy->size, 0, NULL,
                                    &event);
    return cl_transfer_begun(session, status, event, copy->size);
}

/* --- Rectangles --- */

/* The same of a rectangle, and of what it is without space between its rows */
static ClBuffer *find_rect(ClSession *session,
                           const struct vgpu_stub_cl_rect *rect,
                           ClRegion *there, ClRegion *packed, cl_int *status)
{
    static const uint64_t zero[3];
    ClBuffer *buffer = cl_buffer_find(session, rect->buffer);

    if (buffer == NULL) {
        *status = CL_INVALID_MEM_OBJECT;
    } else if (!cl_region_make(there, rect->origin, rect->region,
                               rect->row_pitch, rect->slice_pitch,
                               buffer->size) ||
               !cl_region_make(packed, zero, rect->region, 0, 0,
                               G_MAXSIZE)) {
        *status = CL_INVALID_VALUE;
    } else {
        return buffer;
    }
    return NULL;
}

cl_int run_BUFFER_WRITE_RECT(ClSession *session, const ClCommand *command)
{
    ClRegion there, packed;
    cl_int status;
    const ClBuffer *buffer = find_rect(session, &command->body.rect, &there,
                                       &packed, &status);
    cl_event event;

    if (buffer == NULL) {
        return status;
    }
    status = cl.clEnqueueWriteBufferRect(
        session->backend->queue, buffer->memory, CL_FALSE, there.origin,
        packed.origin, there.region, there.row_pitch, there.slice_pitch,
        packed.row_pitch, packed.slice_pitch, command->data, 0, NULL, &event);
    return cl_transfer_begun(session, status, event, there.bytes);
}

cl_int run_BUFFER_READ_RECT(ClSession *session, const ClCommand *command)
{
    ClRegion there, packed;
    cl_int status;
    const ClBuffer *buffer = find_rect(session, &command->body.rect, &there,
                                       &packed, &status);
    uint8_t *target;
    cl_event event;

    if (buffer == NULL) {
        return status;
    }
    target = cl_transfer_place(session, command, there.bytes);
    if (target == NULL) {
        return CL_NO_ROOM;
    }
    status = cl.clEnqueueReadBufferRect(
        session->backend->queue, buffer->memory, CL_FALSE, there.origin,
        packed.origin, there.region, there.row_pitch, there.slice_pitch,
        packed.row_pitch, packed.slice_pitch, target, 0, NULL, &event);
    return cl_transfer_begun(session, status, event, there.bytes);
}

cl_int run_BUFFER_COPY_RECT(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_copy_rect *copy = &command->body.copy_rect;
    const ClBuffer *source = cl_buffer_find(session, copy->source);
    const ClBuffer *target = cl_buffer_find(session, copy->target);
    ClRegion from, to;
    cl_mem from_memory, to_memory;
    cl_event event;
    cl_int status;

    if (source == NULL || target == NULL) {
        return CL_INVALID_MEM_OBJECT;
    }
    if (!cl_region_make(&from, copy->source_origin, copy->region,
                        copy->source_row_pitch, copy->source_slice_pitch,
                        source->size) ||
        !cl_region_make(&to, copy->target_origin, copy->region,
                        copy->target_row_pitch, copy->target_slice_pitch,
                        target->size)) {
        return CL_INVALID_VALUE;
    }
    from_memory = cl_buffer_whole(source, &from.origin[0]);
    to_memory = cl_buffer_whole(target, &to.origin[0]);
    status = cl.clEnqueueCopyBufferRect(
        session->backend->queue, from_memory, to_memory, from.origin, to.origin, from.region, from.row_pitch, from.slice_pitch,
        to.row_pitch, to.slice_pitch, 0, NULL, &event);
    return cl_transfer_begun(session, status, event, from.bytes);
}

cl_int run_MARKER(ClSession *session, const ClCommand *command G_GNUC_UNUSED)
{
    cl_event event;
    const cl_int status = cl.clEnqueueMarkerWithWaitList(
        session->backend->queue, 0, NULL, &event);

    return cl_transfer_begun(session, status, event, 0);
}
