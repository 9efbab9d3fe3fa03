/*
 * Images: which ones there can be, making them and what they cost
 *
 * The sizes are checked here: not all drivers multiply without overflow.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "images.h"

#include "protocol/worker-protocol.h"
#include "regions.h"

/* Beside these, what formats are asked for */
#define FORMAT_FLAGS (CL_GUEST_FLAGS | (1u << 12))  /* KERNEL_READ_AND_WRITE */

ClImage *cl_image_find(const ClSession *session, uint32_t id)
{
    return (ClImage *)cl_objects_find(session->objects, id, CL_KIND_IMAGE);
}

bool cl_image_part(ClPart *part, const ClImage *image,
                   const uint64_t origin[3], const uint64_t region[3])
{
    part->bytes = image->pixel;
    for (int i = 0; i < 3; i++) {
        if (region[i] == 0 ||
            !cl_range_fits(origin[i], region[i], image->size[i])) {
            return false;
        }
        /* It is at most the image, whose size has been counted. */
        part->origin[i] = origin[i];
        part->region[i] = region[i];
        part->bytes *= region[i];
    }
    return true;
}

/* How many of its three sizes an image of that type has; 0: no such type */
static unsigned dimensions(cl_mem_object_type type)
{
#define DIMENSIONS(type, count) case CL_MEM_OBJECT_##type: return count;

    switch (type) {
    VGPU_STUB_CL_IMAGE_TYPES(DIMENSIONS)
    }
    return 0;
}

cl_int run_IMAGE_FORMATS(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_image_formats *wanted =
        &command->body.image_formats;
    const cl_context context = session->backend->context;
    cl_uint count = 0;
    cl_image_format *formats;
    cl_int status;

    if (dimensions(wanted->type) == 0 ||
        (wanted->flags & ~(uint64_t)FORMAT_FLAGS) != 0) {
        return CL_INVALID_VALUE;
    }
    status = cl.clGetSupportedImageFormats(context, wanted->flags,
                                           wanted->type, 0, NULL, &count);
    if (status != CL_SUCCESS || count == 0) {
        return status;
    }
    count = MIN(count, VGPU_STUB_CL_PAYLOAD_MAX / sizeof(*formats));
    formats = cl_answer_payload(&session->answer, count * sizeof(*formats));
    if (formats == NULL) {
        return CL_NO_ROOM;
    }
    return cl.clGetSupportedImageFormats(context, wanted->flags, wanted->type,
                                         count, formats, NULL);
}

/* --- Making one --- */

static void image_free(ClObject *object)
{
    ClImage *image = (ClImage *)object;

    cl.clReleaseMemObject(image->memory);
    if (image->buffer != NULL) {
        cl_object_unref(&image->buffer->base);
    }
    memory_discharge(image->session->memory, image->cost);
    g_free(image);
}

/* What the driver is to make; of a view, the buffer is the guest's choice. */
static cl_image_desc describe(const ClImage *image, uint64_t row_pitch)
{
    const bool array = image->type == CL_MEM_OBJECT_IMAGE1D_ARRAY ||
                       image->type == CL_MEM_OBJECT_IMAGE2D_ARRAY;
    const unsigned count = dimensions(image->type);

    return (cl_image_desc) {
        .image_type = image->type,
        .image_width = image->size[0],
        .image_height = count - array >= 2 ? image->size[1] : 0,
        .image_depth = count - array >= 3 ? image->size[2] : 0,
        .image_array_size = array ? image->size[count - 1] : 0,
        .image_row_pitch = row_pitch,
        .buffer = image->buffer == NULL ? NULL : image->buffer->memory,
    };
}

static cl_int driver_create(const ClImage *image, cl_mem_flags flags,
                            uint64_t row_pitch, cl_mem *memory)
{
    const cl_image_desc description = describe(image, row_pitch);
    cl_int status = CL_OUT_OF_RESOURCES;

    *memory = cl.clCreateImage(image->session->backend->context, flags,
                               &image->format, &description, NULL, &status);
    return *memory != NULL ? CL_SUCCESS : status;
}

/*
 * How many bytes a pixel has, which the driver alone knows of all formats: by
 * the smallest image of the kind.
 */
static cl_int find_pixel(ClImage *image, cl_mem_flags flags)
{
    ClImage smallest = *image;
    cl_mem memory;
    cl_int status;

    if (image->type == CL_MEM_OBJECT_IMAGE2D) {
        smallest.buffer = NULL;
    }
    for (int i = 0; i < 3; i++) {
        smallest.size[i] = 1;
    }
    status = driver_create(&smallest, flags, 0, &memory);
    if (status != CL_SUCCESS) {
        return status;
    }
    status = cl.clGetImageInfo(memory, CL_IMAGE_ELEMENT_SIZE,
                               sizeof(image->pixel), &image->pixel, NULL);
    cl.clReleaseMemObject(memory);
    return status == CL_SUCCESS &&
           (image->pixel == 0 || image->pixel > CL_PIXEL_MAX)
           ? CL_IMAGE_FORMAT_NOT_SUPPORTED : status;
}

/* Bytes of all pixels; false when there are too many. */
static bool count_bytes(const ClImage *image, uint64_t *bytes)
{
    *bytes = image->pixel;
    for (int i = 0; i < 3; i++) {
        if (__builtin_mul_overflow(*bytes, image->size[i], bytes)) {
            return false;
        }
    }
    return true;
}

/* Is the view inside of its buffer? */
static cl_int check_view(const ClImage *image, uint64_t row_pitch)
{
    const uint64_t row = (uint64_t)image->size[0] * image->pixel;
    uint64_t bytes = row;

    if (image->type == CL_MEM_OBJECT_IMAGE2D &&
        (row_pitch < row || row_pitch % image->pixel != 0 ||
         __builtin_mul_overflow(row_pitch, image->size[1], &bytes))) {
        return CL_INVALID_IMAGE_DESCRIPTOR;
    }
    return bytes <= image->buffer->size ? CL_SUCCESS : CL_INVALID_IMAGE_SIZE;
}

/*
 * Count @bytes more for it: whole granules, as the table counts, since what is
 * counted twice goes at once.
 */
static cl_int charge(ClImage *image, uint64_t bytes)
{
    const uint64_t rest = bytes % WORKER_MEMORY_GRANULE;

    if (!memory_charge(image->session->memory, bytes, NULL)) {
        return CL_MEM_OBJECT_ALLOCATION_FAILURE;
    }
    image->cost += bytes + (rest == 0 ? 0 : WORKER_MEMORY_GRANULE - rest);
    return CL_SUCCESS;
}

/* The driver may have taken more than pixels need. */
static cl_int charge_rest(ClImage *image)
{
    size_t taken = 0;
    const cl_int status = cl.clGetMemObjectInfo(
        image->memory, CL_MEM_SIZE, sizeof(taken), &taken, NULL);

    return status != CL_SUCCESS || taken <= image->cost
           ? status : charge(image, taken - image->cost);
}

/* What others have left in it is not for this guest. */
static cl_int zero(ClImage *image)
{
    ClSession *session = image->session;
    const ClWork work = {
        .result = session->result, .units = image->cost, .vital = true,
    };
    static const size_t begin[3];
    static const cl_uint nothing[4];
    cl_event event;
    const cl_int status = cl.clEnqueueFillImage(
        session->backend->queue, image->memory, nothing, begin, image->size, 0,
        NULL, &event);

    if (status == CL_SUCCESS) {
        cl_timeline_add(session->timeline, event, &work);
    }
    return status;
}

static cl_int make_view(ClImage *image, cl_mem_flags flags, uint64_t row_pitch)
{
    cl_int status;

    if (row_pitch == 0 && image->type == CL_MEM_OBJECT_IMAGE2D) {
        row_pitch = (uint64_t)image->size[0] * image->pixel;
    }
    status = check_view(image, row_pitch);
    if (status == CL_SUCCESS) {
        status = driver_create(image, flags, row_pitch, &image->memory);
    }
    if (status == CL_SUCCESS) {
        cl_object_ref(&image->buffer->base);
    }
    return status;
}

static cl_int make_memory(ClImage *image, cl_mem_flags flags)
{
    uint64_t bytes;
    cl_int status;

    if (!count_bytes(image, &bytes)) {
        return CL_INVALID_IMAGE_SIZE;
    }
    status = charge(image, bytes);
    if (status == CL_SUCCESS) {
        status = driver_create(image, flags, 0, &image->memory);
    }
    if (status == CL_SUCCESS) {
        status = charge_rest(image);
        if (status == CL_SUCCESS) {
            status = zero(image);
        }
        if (status != CL_SUCCESS) {
            cl.clReleaseMemObject(image->memory);
        }
    }
    if (status != CL_SUCCESS) {
        memory_discharge(image->session->memory, image->cost);
    }
    return status;
}

/* Returns NULL when it is none of the sizes that its type has. */
static ClImage *image_new(ClSession *session,
                          const struct vgpu_stub_cl_image_create *wanted)
{
    const unsigned count = dimensions(wanted->type);
    ClImage *image;

    for (unsigned i = 0; i < 3; i++) {
        /* No device has a size that 32 bits cannot say. */
        if (count == 0 || wanted->size[i] == 0 ||
            wanted->size[i] > G_MAXUINT32 ||
            (i >= count && wanted->size[i] != 1)) {
            return NULL;
        }
    }
    image = g_new(ClImage, 1);
    *image = (ClImage) {
        .session = session,
        .type = wanted->type,
        .format = { wanted->channel_order, wanted->channel_type },
        .size = { wanted->size[0], wanted->size[1], wanted->size[2] },
        .buffer = cl_buffer_find(session, wanted->buffer),
    };
    cl_object_init(&image->base, CL_KIND_IMAGE, image_free);
    return image;
}

static cl_int check_create(const ClSession *session,
                           const struct vgpu_stub_cl_image_create *wanted)
{
    const bool view = wanted->type == CL_MEM_OBJECT_IMAGE1D_BUFFER ||
                      (wanted->type == CL_MEM_OBJECT_IMAGE2D &&
                       wanted->buffer != 0);

    if (!cl_objects_is_free(session->objects, wanted->id) ||
        (wanted->flags & ~(uint64_t)CL_GUEST_FLAGS) != 0) {
        return CL_INVALID_VALUE;
    }
    if (view && cl_buffer_find(session, wanted->buffer) == NULL) {
        return CL_INVALID_MEM_OBJECT;
    }
    return (!view && wanted->buffer != 0) ||
           (wanted->row_pitch != 0 &&
            (!view || wanted->type != CL_MEM_OBJECT_IMAGE2D))
           ? CL_INVALID_IMAGE_DESCRIPTOR : CL_SUCCESS;
}

cl_int run_IMAGE_CREATE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_image_create *wanted =
        &command->body.image_create;
    cl_int status = check_create(session, wanted);
    struct vgpu_stub_cl_image *payload;
    ClImage *image;

    if (status != CL_SUCCESS) {
        return status;
    }
    payload = cl_answer_payload(&session->answer, sizeof(*payload));
    if (payload == NULL) {
        return CL_NO_ROOM;
    }
    image = image_new(session, wanted);
    if (image == NULL) {
        return CL_INVALID_IMAGE_SIZE;
    }
    status = find_pixel(image, wanted->flags);
    if (status == CL_SUCCESS) {
        status = image->buffer != NULL
                 ? make_view(image, wanted->flags, wanted->row_pitch)
                 : make_memory(image, wanted->flags);
    }
    if (status != CL_SUCCESS) {
        g_free(image);
        return status;
    }
    *payload = (struct vgpu_stub_cl_image) { .pixel = image->pixel };
    cl_objects_add(session->objects, wanted->id, &image->base);
    return CL_SUCCESS;
}
