/*
 * A driver that computes nothing: images and samplers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "objects.h"

#include <string.h>

#define WIDTH_MAX 16384

struct _cl_sampler {
    Object base;
};

static const struct {
    cl_image_format format;
    size_t pixel;
} formats[] = {
    { { CL_RGBA, CL_UNORM_INT8 }, 4 },
    { { CL_RGBA, CL_FLOAT }, 16 },
    { { CL_R, CL_FLOAT }, 4 },
    { { CL_R, CL_UNORM_INT8 }, 1 },
};

static size_t find_pixel(const cl_image_format *format)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (memcmp(format, &formats[i].format, sizeof(*format)) == 0) {
            return formats[i].pixel;
        }
    }
    return 0;
}

static cl_int get_formats(cl_context context, cl_mem_flags flags,
                          cl_mem_object_type type, cl_uint count,
                          cl_image_format *found, cl_uint *there)
{
    check_context(context);
    check_flags(flags);
    g_assert_true(type >= CL_MEM_OBJECT_IMAGE2D &&
                  type <= CL_MEM_OBJECT_IMAGE1D_BUFFER);
    for (cl_uint i = 0; found != NULL && i < count; i++) {
        found[i] = formats[i % G_N_ELEMENTS(formats)].format;
    }
    if (there != NULL) {
        *there = luck(8) ? 0 : luck(8) ? G_MAXUINT16 : G_N_ELEMENTS(formats);
    }
    return luck(64) ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}

/* --- Making one --- */

/* Its sizes; all have to be what its type has. */
static void find_sizes(const cl_image_desc *wanted, size_t sizes[3])
{
    const size_t w = wanted->image_width, h = wanted->image_height;
    const size_t d = wanted->image_depth, n = wanted->image_array_size;

    switch (wanted->image_type) {
    case CL_MEM_OBJECT_IMAGE1D:
    case CL_MEM_OBJECT_IMAGE1D_BUFFER:
        g_assert_true(h == 0 && d == 0 && n == 0);
        break;
    case CL_MEM_OBJECT_IMAGE1D_ARRAY:
        g_assert_true(h == 0 && d == 0 && n > 0);
        break;
    case CL_MEM_OBJECT_IMAGE2D:
        g_assert_true(h > 0 && d == 0 && n == 0);
        break;
    case CL_MEM_OBJECT_IMAGE2D_ARRAY:
        g_assert_true(h > 0 && d == 0 && n > 0);
        break;
    default:
        g_assert_true(wanted->image_type == CL_MEM_OBJECT_IMAGE3D &&
                      h > 0 && d > 0 && n == 0);
    }
    sizes[0] = w;
    sizes[1] = wanted->image_type == CL_MEM_OBJECT_IMAGE1D_ARRAY ? n
                                                                 : MAX(h, 1);
    sizes[2] = wanted->image_type == CL_MEM_OBJECT_IMAGE2D_ARRAY ? n
                                                                 : MAX(d, 1);
}

static cl_mem make(const cl_image_desc *wanted, size_t pixel,
                   const size_t sizes[3])
{
    const cl_mem buffer = wanted->buffer;
    const size_t pitch = MAX(wanted->image_row_pitch, sizes[0] * pixel);
    size_t size;
    cl_mem image;

    g_assert_false(__builtin_mul_overflow(pitch, sizes[1], &size));
    g_assert_false(__builtin_mul_overflow(size, sizes[2], &size));
    if (sizes[0] > WIDTH_MAX || (buffer != NULL && size > buffer->size)) {
        return NULL;
    }
    image = memory_new(buffer, 0, size);
    image->type = wanted->image_type;
    image->pixel = pixel;
    image->row_pitch = pitch;
    memcpy(image->sizes, sizes, sizeof(image->sizes));
    return image;
}

static cl_mem create(cl_context context, cl_mem_flags flags,
                     const cl_image_format *format,
                     const cl_image_desc *wanted, void *host, cl_int *status)
{
    const size_t pixel = find_pixel(format);
    size_t sizes[3];
    cl_mem image;

    check_context(context);
    check_flags(flags);
    find_sizes(wanted, sizes);
    g_assert_true(host == NULL && wanted->image_slice_pitch == 0 &&
                  wanted->image_width > 0);
    if (wanted->buffer != NULL) {
        buffer_place(wanted->buffer, 0, 1);
    }
    *status = CL_IMAGE_FORMAT_NOT_SUPPORTED;
    if (pixel == 0 || !makes(status, CL_OUT_OF_RESOURCES)) {
        return NULL;
    }
    image = make(wanted, pixel, sizes);
    if (image == NULL) {
        *status = CL_INVALID_IMAGE_SIZE;
    }
    return image;
}

static cl_int get_image_info(cl_mem image, cl_image_info param, size_t size,
                             void *value, size_t *needed)
{
    object_check(image, MEMORY);
    g_assert_cmpint(image->type, !=, 0);
    g_assert_cmpint(param, ==, CL_IMAGE_ELEMENT_SIZE);
    return luck(64) ? CL_OUT_OF_RESOURCES
                    : answer(&image->pixel, sizeof(image->pixel), size, value,
                             needed);
}

/* Some take more than the pixels need. */
static cl_int get_memory_info(cl_mem memory, cl_mem_info param, size_t size,
                              void *value, size_t *needed)
{
    const size_t taken = memory->size + (luck(4) ? 5000 : 0);

    object_check(memory, MEMORY);
    g_assert_cmpint(param, ==, CL_MEM_SIZE);
    return answer(&taken, sizeof(taken), size, value, needed);
}

/* --- What moves pixels --- */

/*
 * The part of an image. PoCL moves no pixels of views of the type
 * IMAGE1D_BUFFER, and does not check all that is checked here.
 */
static Side part(cl_mem image, const size_t *origin, const size_t *region)
{
    const size_t slice = image->row_pitch * image->sizes[1];

    object_check(image, MEMORY);
    g_assert_true(image->type != 0 &&
                  image->type != CL_MEM_OBJECT_IMAGE1D_BUFFER);
    for (int i = 0; i < 3; i++) {
        g_assert_true(region[i] > 0 && origin[i] <= image->sizes[i] &&
                      region[i] <= image->sizes[i] - origin[i]);
    }
    return (Side) {
        image->bytes + origin[2] * slice + origin[1] * image->row_pitch +
        origin[0] * image->pixel, image->row_pitch, slice,
    };
}

/* Its pixels in host memory, with these pitches */
static Side host_side(cl_mem image, const size_t *region, size_t row,
                      size_t slice, void *bytes)
{
    const size_t width = region[0] * image->pixel;

    row = row == 0 ? width : row;
    g_assert_cmpuint(row, >=, width);
    if (image->type == CL_MEM_OBJECT_IMAGE1D_ARRAY) {
        g_assert_cmpuint(slice, >=, row);
        row = slice;
    } else if (image->sizes[2] > 1) {
        g_assert_cmpuint(slice, >=, row * region[1]);
    }
    return (Side) { bytes, row, slice };
}

/* Bytes, rows and slices */
static const size_t *bytes_of(cl_mem image, const size_t *region,
                              size_t bytes[3])
{
    bytes[0] = region[0] * image->pixel;
    bytes[1] = region[1];
    bytes[2] = region[2];
    return bytes;
}

static cl_int write_image(cl_command_queue queue G_GNUC_UNUSED, cl_mem image,
                          cl_bool blocking, const size_t *origin,
                          const size_t *region, size_t row, size_t slice,
                          const void *bytes, cl_uint wait_count,
                          const cl_event *waits, cl_event *event)
{
    const Side to = part(image, origin, region);
    size_t moved[3];

    g_assert_true(!blocking);
    return queue_move(host_side(image, region, row, slice, (void *)bytes), to,
                      bytes_of(image, region, moved), NULL, image, wait_count,
                      waits, event);
}

static cl_int read_image(cl_command_queue queue G_GNUC_UNUSED, cl_mem image,
                         cl_bool blocking, const size_t *origin,
                         const size_t *region, size_t row, size_t slice,
                         void *bytes, cl_uint wait_count,
                         const cl_event *waits, cl_event *event)
{
    const Side from = part(image, origin, region);
    size_t moved[3];
    const cl_int status = queue_move(
        from, host_side(image, region, row, slice, bytes),
        bytes_of(image, region, moved), image, NULL, wait_count, waits, event);

    if (blocking) {
        queue_drain();
    }
    return status;
}

static cl_int fill_image(cl_command_queue queue G_GNUC_UNUSED, cl_mem image,
                         const void *color, const size_t *origin,
                         const size_t *region, cl_uint wait_count,
                         const cl_event *waits, cl_event *event)
{
    static uint8_t pixels[WIDTH_MAX * 16];
    const Side to = part(image, origin, region);
    size_t moved[3];

    memcpy(pixels, color, 16);
    return queue_move((Side) { pixels, 0, 0 }, to,
                      bytes_of(image, region, moved), NULL, image, wait_count,
                      waits, event);
}

static cl_int copy_image(cl_command_queue queue G_GNUC_UNUSED, cl_mem source,
                         cl_mem target, const size_t *source_origin,
                         const size_t *target_origin, const size_t *region,
                         cl_uint wait_count, const cl_event *waits,
                         cl_event *event)
{
    const Side from = part(source, source_origin, region);
    const Side to = part(target, target_origin, region);
    size_t moved[3];

    g_assert_cmpuint(source->pixel, ==, target->pixel);
    return queue_move(from, to, bytes_of(source, region, moved), source,
                      target, wait_count, waits, event);
}

/* The pixels of @region in a buffer, without space between rows */
static Side packed(cl_mem image, const size_t *region, cl_mem buffer,
                   size_t offset)
{
    const size_t row = region[0] * image->pixel;

    return (Side) {
        buffer_place(buffer, offset, row * region[1] * region[2]), row,
        row * region[1],
    };
}

static cl_int copy_to_buffer(cl_command_queue queue G_GNUC_UNUSED,
                             cl_mem image, cl_mem buffer,
                             const size_t *origin, const size_t *region,
                             size_t offset, cl_uint wait_count,
                             const cl_event *waits, cl_event *event)
{
    const Side from = part(image, origin, region);
    size_t moved[3];

    return queue_move(from, packed(image, region, buffer, offset),
                      bytes_of(image, region, moved), image, buffer,
                      wait_count, waits, event);
}

static cl_int copy_to_image(cl_command_queue queue G_GNUC_UNUSED,
                            cl_mem buffer, cl_mem image, size_t offset,
                            const size_t *origin, const size_t *region,
                            cl_uint wait_count, const cl_event *waits,
                            cl_event *event)
{
    const Side to = part(image, origin, region);
    size_t moved[3];

    return queue_move(packed(image, region, buffer, offset), to,
                      bytes_of(image, region, moved), buffer, image,
                      wait_count, waits, event);
}

/* --- Samplers --- */

static cl_sampler create_sampler(cl_context context, cl_bool normalized,
                                 cl_addressing_mode addressing,
                                 cl_filter_mode filter, cl_int *status)
{
    check_context(context);
    g_assert_true(normalized <= 1 && addressing >= CL_ADDRESS_NONE &&
                  addressing <= CL_ADDRESS_MIRRORED_REPEAT &&
                  filter >= CL_FILTER_NEAREST && filter <= CL_FILTER_LINEAR);
    return makes(status, CL_OUT_OF_HOST_MEMORY)
           ? object_new(SAMPLER, sizeof(struct _cl_sampler), NULL) : NULL;
}

static cl_int release_sampler(cl_sampler sampler)
{
    return object_unref(sampler, SAMPLER);
}

void fill_images(OpenclDriver *driver)
{
    driver->clGetSupportedImageFormats = get_formats;
    driver->clCreateImage = create;
    driver->clGetImageInfo = get_image_info;
    driver->clGetMemObjectInfo = get_memory_info;
    driver->clEnqueueWriteImage = write_image;
    driver->clEnqueueReadImage = read_image;
    driver->clEnqueueFillImage = fill_image;
    driver->clEnqueueCopyImage = copy_image;
    driver->clEnqueueCopyImageToBuffer = copy_to_buffer;
    driver->clEnqueueCopyBufferToImage = copy_to_image;
    driver->clCreateSampler = create_sampler;
    driver->clReleaseSampler = release_sampler;
}
