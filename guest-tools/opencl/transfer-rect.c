/*
 * OpenCL in the guest: reading, writing and copying rectangles
 *
 * What travels of a rectangle are its bytes alone. Where those of the program
 * are not one piece, they go through memory of the library.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "enqueue.h"
#include "host-access.h"
#include "rect.h"

struct rect_transfer {
    struct work work;
    bool read;
    cl_mem mem;
    size_t region[3];
    struct rect there;
    struct rect here;
    char *bytes;
};

/* A box of the region that travels at once */
struct box {
    size_t origin[3];           /* in the region */
    size_t region[3];
};

/* Bytes on their way into the program's rectangle */
struct unpacking {
    struct piece piece;
    const struct rect_transfer *transfer;       /* as long as the event is */
    struct box box;
    char packed[];
};

static size_t box_size(const struct box *box)
{
    return box->region[0] * box->region[1] * box->region[2];
}

/* Move between the program's rectangle and the box's bytes, packed. */
static void move_rows(const struct rect_transfer *transfer,
                      const struct box *box, char *packed, bool pack)
{
    for (size_t z = 0; z < box->region[2]; z++) {
        for (size_t y = 0; y < box->region[1]; y++) {
            char *row = transfer->bytes +
                rect_offset(&transfer->here, box->origin[0],
                            box->origin[1] + y, box->origin[2] + z);

            memcpy(pack ? packed : row, pack ? row : packed, box->region[0]);
            packed += box->region[0];
        }
    }
}

static void unpack(struct piece *piece, const void *bytes, size_t length)
{
    struct unpacking *unpacking = (struct unpacking *)piece;
    const size_t size = box_size(&unpacking->box);

    if (bulk_is_inline(size)) {
        memcpy(unpacking->packed, bytes, length < size ? length : size);
    }
    move_rows(unpacking->transfer, &unpacking->box, unpacking->packed, false);
}

static struct vgpu_stub_cl_rect wire_rect(const struct rect_transfer *transfer,
                                          const struct box *box)
{
    const struct rect *there = &transfer->there;
    struct vgpu_stub_cl_rect rect = {
        .buffer = transfer->mem->id,
        .row_pitch = there->row_pitch,
        .slice_pitch = there->slice_pitch,
    };

    for (unsigned i = 0; i < 3; i++) {
        rect.origin[i] = there->origin[i] + box->origin[i];
        rect.region[i] = box->region[i];
    }
    return rect;
}

/* The memory that holds what travels is freed with the piece. */
static void put_box(cl_event event, const struct rect_transfer *transfer,
                    const struct box *box)
{
    const struct vgpu_stub_cl_rect rect = wire_rect(transfer, box);
    const size_t size = box_size(box);
    struct unpacking *unpacking = malloc(sizeof(*unpacking) + size);
    struct remote_command *command;

    if (!unpacking) {
        event_fail(event, CL_OUT_OF_HOST_MEMORY);
        return;
    }
    *unpacking = (struct unpacking) { .transfer = transfer, .box = *box };
    if (transfer->read) {
        unpacking->piece.arrived = unpack;
        command = bulk_read(VGPU_STUB_CL_BUFFER_READ_RECT, &rect, sizeof(rect),
                            unpacking->packed, size);
    } else {
        move_rows(transfer, box, unpacking->packed, true);
        command = bulk_write(VGPU_STUB_CL_BUFFER_WRITE_RECT, &rect,
                             sizeof(rect), unpacking->packed, size);
    }
    event_put(event, command, &unpacking->piece, true);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Whole slices where one is not too large, else whole rows, else parts. */
static void issue_rect(cl_event event, struct work *work)
{
    const struct rect_transfer *transfer = (struct rect_transfer *)work;
    const size_t *region = transfer->region;
    const size_t most = VGPU_STUB_QUEUE_TRANSFER_MAX;
    const size_t x_step = least(region[0], most);
    const size_t y_step = least(region[1], most / x_step);
    const size_t z_step = x_step == region[0] && y_step == region[1]
                          ? least(region[2], most / (x_step * y_step)) : 1;

    for (size_t z = 0; z < region[2]; z += z_step) {
        for (size_t y = 0; y < region[1]; y += y_step) {
            for (size_t x = 0; x < region[0]; x += x_step) {
                const struct box box = {
                    .origin = { x, y, z },
                    .region = { least(x_step, region[0] - x),
                                least(y_step, region[1] - y),
                                least(z_step, region[2] - z) },
                };

                put_box(event, transfer, &box);
            }
        }
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
        status = enqueue_check_mem(call, given->mem);
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
        transfer = work_new(sizeof(*transfer), issue_rect);
        work_use(transfer, given->mem);
    }
    if (transfer) {
        transfer->read = given->read;
        transfer->mem = given->mem;
        memcpy(transfer->region, given->region, sizeof(transfer->region));
        transfer->there = there;
        transfer->here = here;
        transfer->bytes = given->bytes;
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
        status = enqueue_check_mem(&call, source);
    }
    if (status == CL_SUCCESS) {
        status = enqueue_check_mem(&call, target);
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
