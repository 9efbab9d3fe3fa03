/*
 * What moves pixels: to images, from them and between them and buffers
 *
 * Parts are checked here: not all drivers check those of all types. Nor do all
 * move the pixels of views of buffers (PoCL 3.1 ends the process): a row of
 * them is bytes of its buffer, and moved as such.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "images.h"
#include "regions.h"
#include "transfers.h"
#include "views.h"

/* The image of a command whose part is inside it; else NULL with *@status */
static const ClImage *find_part(ClSession *session, uint32_t id,
                                const uint64_t origin[3],
                                const uint64_t region[3], ClPart *part,
                                cl_int *status)
{
    const ClImage *image = cl_image_find(session, id);

    if (image == NULL) {
        *status = CL_INVALID_MEM_OBJECT;
    } else if (!cl_image_part(part, image, origin, region)) {
        *status = CL_INVALID_VALUE;
    } else {
        return image;
    }
    return NULL;
}

/* Pitches of pixels without space between them */
typedef struct Pitches {
    size_t row;
    size_t slice;
} Pitches;

/* Layers of a 1D array are rows without space, too. */
static Pitches find_pitches(const ClImage *image, const ClPart *part)
{
    const size_t row = part->region[0] * image->pixel;

    switch (image->type) {
    case CL_MEM_OBJECT_IMAGE2D_ARRAY:
    case CL_MEM_OBJECT_IMAGE3D:
        return (Pitches) { row, row * part->region[1] };
    case CL_MEM_OBJECT_IMAGE1D_ARRAY:
        return (Pitches) { row, row };
    }
    return (Pitches) { row, 0 };
}

static const ClImage *find_moved(ClSession *session, const ClCommand *command,
                                 ClPart *part, cl_int *status)
{
    const struct vgpu_stub_cl_image_part *wanted = &command->body.image_part;
    const ClImage *image = find_part(session, wanted->image, wanted->origin,
                                     wanted->region, part, status);

    if (image != NULL && part->bytes != wanted->size) {
        *status = CL_INVALID_VALUE;
        return NULL;
    }
    return image;
}

cl_int run_IMAGE_WRITE(ClSession *session, const ClCommand *command)
{
    ClPart part;
    cl_int status;
    const ClImage *image = find_moved(session, command, &part, &status);
    Pitches pitches;
    cl_event event;

    if (image == NULL) {
        return status;
    }
    if (cl_view_is(image)) {
        status = cl_view_write(image, &part, command->data, &event);
    } else {
        pitches = find_pitches(image, &part);
        status = cl.clEnqueueWriteImage(
            session->backend->queue, image->memory, CL_FALSE, part.origin,
            part.region, pitches.row, pitches.slice, command->data, 0, NULL,
            &event);
    }
    return cl_transfer_begun(session, status, event, part.bytes);
}

cl_int run_IMAGE_READ(ClSession *session, const ClCommand *command)
{
    ClPart part;
    cl_int status;
    const ClImage *image = find_moved(session, command, &part, &status);
    Pitches pitches;
    uint8_t *target;
    cl_event event;

    if (image == NULL) {
        return status;
    }
    target = cl_transfer_place(session, command, part.bytes);
    if (target == NULL) {
        return CL_NO_ROOM;
    }
    if (cl_view_is(image)) {
        status = cl_view_read(image, &part, target, &event);
    } else {
        pitches = find_pitches(image, &part);
        status = cl.clEnqueueReadImage(
            session->backend->queue, image->memory, CL_FALSE, part.origin,
            part.region, pitches.row, pitches.slice, target, 0, NULL, &event);
    }
    return cl_transfer_begun(session, status, event, part.bytes);
}

cl_int run_IMAGE_FILL(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_image_fill *fill = &command->body.image_fill;
    ClPart part;
    cl_int status;
    const ClImage *image = find_part(session, fill->image, fill->origin,
                                     fill->region, &part, &status);
    cl_event event;

    if (image == NULL) {
        return status;
    }
    status = cl_view_is(image)
             ? cl_view_fill(image, &part, fill->color, &event)
             : cl.clEnqueueFillImage(session->backend->queue, image->memory,
                                     fill->color, part.origin, part.region, 0,
                                     NULL, &event);
    return cl_transfer_begun(session, status, event, part.bytes);
}

/* --- Copies --- */

/* Of an image that is no view, or a view */
static cl_int to_buffer(const ClImage *image, const ClPart *part,
                        const ClBuffer *buffer, size_t offset, cl_event *event)
{
    const cl_mem memory = cl_buffer_whole(buffer, &offset);

    return cl_view_is(image)
           ? cl_view_copy_from(image, part, memory, offset, event)
           : cl.clEnqueueCopyImageToBuffer(
                 image->session->backend->queue, image->memory, memory,
                 part->origin, part->region, offset, 0, NULL, event);
}

static cl_int from_buffer(const ClImage *image, const ClPart *part,
                          const ClBuffer *buffer, size_t offset,
                          cl_event *event)
{
    const cl_mem memory = cl_buffer_whole(buffer, &offset);

    return cl_view_is(image)
           ? cl_view_copy_to(image, part, memory, offset, event)
           : cl.clEnqueueCopyBufferToImage(
                 image->session->backend->queue, memory, image->memory, offset,
                 part->origin, part->region, 0, NULL, event);
}

static cl_int copy_image(const ClImage *source, const ClImage *target,
                         const ClPart *from, const ClPart *to,
                         cl_event *event)
{
    if (cl_view_is(target)) {
        return to_buffer(source, from, target->buffer,
                         cl_view_offset(target, to), event);
    }
    return cl_view_is(source)
           ? from_buffer(target, to, source->buffer,
                         cl_view_offset(source, from), event)
           : cl.clEnqueueCopyImage(source->session->backend->queue,
                                   source->memory, target->memory,
                                   from->origin, to->origin, from->region, 0,
                                   NULL, event);
}

cl_int run_IMAGE_COPY(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_image_copy *copy = &command->body.image_copy;
    ClPart from, to;
    cl_int status;
    const ClImage *source = find_part(session, copy->source,
                                      copy->source_origin, copy->region, &from,
                                      &status);
    const ClImage *target = source == NULL ? NULL : find_part(
        session, copy->target, copy->target_origin, copy->region, &to,
        &status);
    cl_event event;

    if (target == NULL) {
        return status;
    }
    if (source->format.image_channel_order !=
            target->format.image_channel_order ||
        source->format.image_channel_data_type !=
            target->format.image_channel_data_type) {
        return CL_IMAGE_FORMAT_MISMATCH;
    }
    status = copy_image(source, target, &from, &to, &event);
    return cl_transfer_begun(session, status, event, from.bytes);
}

/* Both of them, and the part, whose bytes are inside the buffer too */
static const ClImage *find_both(ClSession *session, const ClCommand *command,
                                ClPart *part, const ClBuffer **buffer,
                                cl_int *status)
{
    const struct vgpu_stub_cl_image_buffer *wanted =
        &command->body.image_buffer;
    const ClImage *image = find_part(session, wanted->image, wanted->origin,
                                     wanted->region, part, status);

    *buffer = cl_buffer_find(session, wanted->buffer);
    if (*buffer == NULL) {
        *status = CL_INVALID_MEM_OBJECT;
        return NULL;
    }
    if (image != NULL &&
        !cl_range_fits(wanted->offset, part->bytes, (*buffer)->size)) {
        *status = CL_INVALID_VALUE;
        return NULL;
    }
    return image;
}

typedef cl_int (*CopyBoth)(const ClImage *image, const ClPart *part,
                           const ClBuffer *buffer, size_t offset,
                           cl_event *event);

static cl_int copy_both(ClSession *session, const ClCommand *command,
                        CopyBoth copy)
{
    ClPart part;
    cl_int status;
    const ClBuffer *buffer;
    const ClImage *image = find_both(session, command, &part, &buffer,
                                     &status);
    cl_event event;

    if (image == NULL) {
        return status;
    }
    status = copy(image, &part, buffer, command->body.image_buffer.offset,
                  &event);
    return cl_transfer_begun(session, status, event, part.bytes);
}

cl_int run_IMAGE_TO_BUFFER(ClSession *session, const ClCommand *command)
{
    return copy_both(session, command, to_buffer);
}

cl_int run_BUFFER_TO_IMAGE(ClSession *session, const ClCommand *command)
{
    return copy_both(session, command, from_buffer);
}
