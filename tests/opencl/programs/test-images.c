/*
 * test-images: images that are moved, mapped, copied and used by kernels
 *
 * Prints TAP. It passes on any OpenCL that keeps to the specification and has
 * images of the types and formats that it has to have.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <semaphore.h>

#include "scene.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const cl_image_format rgba = { CL_RGBA, CL_UNSIGNED_INT8 };
static const cl_image_format wide = { CL_RGBA, CL_FLOAT };
static const size_t zero[3];

enum { W = 37, H = 19, D = 5, PIXEL = 4 };

static const struct kind {
    const char *name;
    cl_image_desc desc;
    size_t size[3];
} kinds[] = {
    { "1D", { .image_type = CL_MEM_OBJECT_IMAGE1D, .image_width = W },
      { W, 1, 1 } },
    { "2D", { .image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = W,
              .image_height = H }, { W, H, 1 } },
    { "3D", { .image_type = CL_MEM_OBJECT_IMAGE3D, .image_width = W,
              .image_height = H, .image_depth = D }, { W, H, D } },
    { "1D array", { .image_type = CL_MEM_OBJECT_IMAGE1D_ARRAY,
                    .image_width = W, .image_array_size = D }, { W, D, 1 } },
    { "2D array", { .image_type = CL_MEM_OBJECT_IMAGE2D_ARRAY,
                    .image_width = W, .image_height = H,
                    .image_array_size = D }, { W, H, D } },
};

static unsigned char here[W * H * D * PIXEL * 4], back[sizeof(here)];

static void fill_here(unsigned seed)
{
    for (size_t i = 0; i < sizeof(here); i++) {
        here[i] = (i * 13 + (i >> 7) + seed) & 0xff;
    }
}

static cl_mem image_of(cl_mem_flags flags, const cl_image_format *format,
                       const cl_image_desc *desc, void *bytes)
{
    cl_int status;
    cl_mem image = clCreateImage(context, flags, format, desc, bytes, &status);

    must(status, "clCreateImage");
    return image;
}

static cl_mem plane(cl_mem_flags flags, size_t width, size_t height,
                    void *bytes)
{
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = width,
        .image_height = height,
    };

    return image_of(flags, &rgba, &desc, bytes);
}

static size_t bytes_of(const struct kind *kind)
{
    return kind->size[0] * kind->size[1] * kind->size[2] * PIXEL;
}

static size_t image_number(cl_mem image, cl_image_info name)
{
    size_t value = 0;

    MUST(clGetImageInfo(image, name, sizeof(value), &value, NULL));
    return value;
}

/* Every type, there and back, new, and as it says of itself */
static void test_types(void)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct kind *kind = &kinds[i];
        const size_t bytes = bytes_of(kind);
        cl_mem image = image_of(0, &rgba, &kind->desc, NULL);

        memset(back, 1, sizeof(back));
        MUST(clEnqueueReadImage(queue, image, CL_TRUE, zero, kind->size, 0, 0,
                                back, 0, NULL, NULL));
        tap_ok(back[0] == 0 && memcmp(back, back + 1, bytes - 1) == 0,
               "%s: new ones are of zeros", kind->name);
        fill_here(i);
        MUST(clEnqueueWriteImage(queue, image, CL_FALSE, zero, kind->size, 0,
                                 0, here, 0, NULL, NULL));
        MUST(clEnqueueReadImage(queue, image, CL_TRUE, zero, kind->size, 0, 0,
                                back, 0, NULL, NULL));
        tap_ok(memcmp(here, back, bytes) == 0 && back[bytes] == 1,
               "%s: there and back", kind->name);
        tap_ok(image_number(image, CL_IMAGE_WIDTH) == W &&
               image_number(image, CL_IMAGE_HEIGHT) ==
                   kind->desc.image_height &&
               image_number(image, CL_IMAGE_DEPTH) == kind->desc.image_depth &&
               image_number(image, CL_IMAGE_ARRAY_SIZE) ==
                   kind->desc.image_array_size &&
               image_number(image, CL_IMAGE_ELEMENT_SIZE) == PIXEL,
               "%s: as it was made", kind->name);
        clReleaseMemObject(image);
    }
}

/* A part of a space, to and from memory with pitches */
static void test_pitches(void)
{
    enum { ROW = 100, SLICE = ROW * 12 };
    const size_t origin[3] = { 3, 2, 1 }, region[3] = { 20, 10, 3 };
    cl_mem image = image_of(0, &rgba, &kinds[2].desc, NULL);
    size_t wrong = 0;

    fill_here(7);
    memset(back, 0x55, sizeof(back));
    MUST(clEnqueueWriteImage(queue, image, CL_FALSE, origin, region, ROW,
                             SLICE, here, 0, NULL, NULL));
    MUST(clEnqueueReadImage(queue, image, CL_TRUE, origin, region, ROW, SLICE,
                            back, 0, NULL, NULL));
    for (size_t z = 0; z < region[2]; z++) {
        for (size_t y = 0; y < region[1]; y++) {
            const size_t at = z * SLICE + y * ROW;

            wrong += memcmp(here + at, back + at, region[0] * PIXEL) != 0;
            wrong += back[at + region[0] * PIXEL] != 0x55;
        }
    }
    tap_equal(wrong, 0, "a part with pitches");
    MUST(clEnqueueReadImage(queue, image, CL_TRUE, zero, kinds[2].size, 0, 0,
                            back, 0, NULL, NULL));
    for (size_t z = 0; z < region[2]; z++) {
        wrong += memcmp(here + z * SLICE,
                        back + (((z + 1) * H + 2) * W + 3) * PIXEL,
                        region[0] * PIXEL) != 0;
    }
    tap_ok(wrong == 0 && back[0] == 0, "it is where it was written");
    tap_equal(clEnqueueReadImage(queue, image, CL_TRUE, origin, region,
                                 region[0] * PIXEL - 1, 0, back, 0, NULL,
                                 NULL), CL_INVALID_VALUE,
              "a row does not fit its pitch");
    clReleaseMemObject(image);
}

/* More than what travels at once, with and without pitches */
static void test_large(void)
{
    enum { SIDE = 1100, ROW = SIDE * PIXEL + 12 };
    const size_t region[3] = { SIDE, SIDE, 1 };
    unsigned char *from = malloc(SIDE * ROW), *to = calloc(SIDE, ROW);
    cl_mem image = plane(0, SIDE, SIDE, NULL);
    size_t wrong = 0;

    for (size_t i = 0; i < SIDE * ROW; i++) {
        from[i] = (i * 31 + (i >> 10)) & 0xff;
    }
    MUST(clEnqueueWriteImage(queue, image, CL_FALSE, zero, region, ROW, 0,
                             from, 0, NULL, NULL));
    MUST(clEnqueueReadImage(queue, image, CL_TRUE, zero, region, 0, 0, to, 0,
                            NULL, NULL));
    for (size_t y = 0; y < SIDE; y++) {
        wrong += memcmp(from + y * ROW, to + y * SIDE * PIXEL,
                        SIDE * PIXEL) != 0;
    }
    tap_equal(wrong, 0, "a large image, in pieces");
    clReleaseMemObject(image);
    free(from);
    free(to);
}

/* Made from the program's memory, with and without pitches */
static void test_host_pointers(void)
{
    enum { ROW = W * PIXEL + 12 };
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = W,
        .image_height = H, .image_row_pitch = ROW,
    };
    static unsigned char own[ROW * H] __attribute__((aligned(4096)));
    cl_mem copied = image_of(CL_MEM_COPY_HOST_PTR, &rgba, &desc, here);
    cl_mem used;
    size_t pitch, wrong = 0;
    unsigned char *mapped;
    cl_int status;

    MUST(clEnqueueReadImage(queue, copied, CL_TRUE, zero, kinds[1].size, 0, 0,
                            back, 0, NULL, NULL));
    for (size_t y = 0; y < H; y++) {
        wrong += memcmp(here + y * ROW, back + y * W * PIXEL, W * PIXEL) != 0;
    }
    tap_equal(wrong, 0, "copied with its pitch");
    memcpy(own, here, sizeof(own));
    used = image_of(CL_MEM_USE_HOST_PTR, &rgba, &desc, own);
    MUST(clEnqueueCopyImage(queue, copied, used, zero, (size_t[]) { 0, 1, 0 },
                            (size_t[]) { W, 1, 1 }, 0, NULL, NULL));
    mapped = clEnqueueMapImage(queue, used, CL_TRUE, CL_MAP_READ, zero,
                               kinds[1].size, &pitch, NULL, 0, NULL, NULL,
                               &status);
    must(status, "clEnqueueMapImage");
    tap_ok(mapped == own && pitch == ROW, "used where it is");
    tap_ok(memcmp(own + ROW, here, W * PIXEL) == 0,
           "with what was copied to it");
    MUST(clEnqueueUnmapMemObject(queue, used, mapped, 0, NULL, NULL));
    MUST(clFinish(queue));
    clReleaseMemObject(used);
    clReleaseMemObject(copied);
}

/* Each type, a part of it, mapped to be written and then read */
static void test_maps(void)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct kind *kind = &kinds[i];
        const size_t *size = kind->size;
        const size_t last[3] = { size[0] - 1, size[1] - 1, size[2] - 1 };
        const size_t one[3] = { 1, 1, 1 };
        cl_mem image = image_of(0, &rgba, &kind->desc, NULL);
        size_t row = 0, slice = 0;
        unsigned char *mapped, *again;
        cl_uint count;
        cl_int status;

        fill_here(i);
        MUST(clEnqueueWriteImage(queue, image, CL_FALSE, zero, size, 0, 0,
                                 here, 0, NULL, NULL));
        mapped = clEnqueueMapImage(queue, image, CL_TRUE,
                                   CL_MAP_READ | CL_MAP_WRITE, last, one, &row,
                                   &slice, 0, NULL, NULL, &status);
        must(status, "clEnqueueMapImage");
        tap_ok(memcmp(mapped, here + bytes_of(kind) - PIXEL, PIXEL) == 0,
               "%s: the last pixel is mapped", kind->name);
        again = clEnqueueMapImage(queue, image, CL_TRUE, CL_MAP_READ, zero,
                                  one, &row, &slice, 0, NULL, NULL, &status);
        must(status, "clEnqueueMapImage");
        MUST(clGetMemObjectInfo(image, CL_MEM_MAP_COUNT, sizeof(count),
                                &count, NULL));
        tap_ok(count == 2 && memcmp(again, here, PIXEL) == 0,
               "%s: and the first at the same time", kind->name);
        mapped[1] ^= 0xff;
        MUST(clEnqueueUnmapMemObject(queue, image, again, 0, NULL, NULL));
        MUST(clEnqueueUnmapMemObject(queue, image, mapped, 0, NULL, NULL));
        tap_equal(clEnqueueUnmapMemObject(queue, image, mapped, 0, NULL, NULL),
                  CL_INVALID_VALUE, "%s: not unmapped twice", kind->name);
        here[bytes_of(kind) - PIXEL + 1] ^= 0xff;
        MUST(clEnqueueReadImage(queue, image, CL_TRUE, zero, size, 0, 0, back,
                                0, NULL, NULL));
        tap_ok(memcmp(here, back, bytes_of(kind)) == 0,
               "%s: what was written went back", kind->name);
        clReleaseMemObject(image);
    }
}

/* What a whole image is mapped as has the pitches that are said. */
static void test_mapped_pitches(void)
{
    const struct kind *kind = &kinds[4];
    cl_mem image = image_of(0, &rgba, &kind->desc, NULL);
    size_t row, slice, wrong = 0;
    unsigned char *mapped;
    cl_int status;

    mapped = clEnqueueMapImage(queue, image, CL_TRUE,
                               CL_MAP_WRITE_INVALIDATE_REGION, zero,
                               kind->size, &row, &slice, 0, NULL, NULL,
                               &status);
    must(status, "clEnqueueMapImage");
    for (size_t z = 0; z < D; z++) {
        for (size_t y = 0; y < H; y++) {
            memset(mapped + z * slice + y * row, z * H + y, W * PIXEL);
        }
    }
    MUST(clEnqueueUnmapMemObject(queue, image, mapped, 0, NULL, NULL));
    MUST(clEnqueueReadImage(queue, image, CL_TRUE, zero, kind->size, 0, 0,
                            back, 0, NULL, NULL));
    for (size_t y = 0; y < D * H; y++) {
        wrong += back[y * W * PIXEL] != y || back[(y + 1) * W * PIXEL - 1] != y;
    }
    tap_equal(wrong, 0, "all layers are where their pitches say");
    clReleaseMemObject(image);
}

static void test_copies(void)
{
    const size_t origin[3] = { 4, 3, 0 }, region[3] = { 8, 8, 1 };
    cl_mem one = plane(0, W, H, NULL), two = plane(0, W, H, NULL);
    cl_mem other = image_of(0, &wide, &kinds[1].desc, NULL);
    cl_mem bytes = buffer(0, 4096, NULL);
    size_t wrong = 0;

    fill_here(3);
    MUST(clEnqueueWriteImage(queue, one, CL_FALSE, zero, kinds[1].size, 0, 0,
                             here, 0, NULL, NULL));
    MUST(clEnqueueCopyImage(queue, one, two, zero, origin, region, 0, NULL,
                            NULL));
    MUST(clEnqueueCopyImageToBuffer(queue, two, bytes, origin, region, 64, 0,
                                    NULL, NULL));
    MUST(clEnqueueReadBuffer(queue, bytes, CL_TRUE, 64, 256, back, 0, NULL,
                             NULL));
    for (size_t y = 0; y < region[1]; y++) {
        wrong += memcmp(back + y * 32, here + y * W * PIXEL, 32) != 0;
    }
    tap_equal(wrong, 0, "from image to image to buffer");
    MUST(clEnqueueCopyBufferToImage(queue, bytes, one, 64, zero, region, 0,
                                    NULL, NULL));
    tap_equal(clEnqueueCopyImage(queue, one, one, zero, origin, region, 0,
                                 NULL, NULL), CL_MEM_COPY_OVERLAP,
              "what overlaps is not copied");
    tap_equal(clEnqueueCopyImage(queue, one, other, zero, zero, region, 0,
                                 NULL, NULL), CL_IMAGE_FORMAT_MISMATCH,
              "nor is another format");
    tap_equal(clEnqueueCopyImageToBuffer(queue, two, bytes, zero,
                                         kinds[1].size, 2048, 0, NULL, NULL),
              CL_INVALID_VALUE, "nor what a buffer has no room for");
    tap_equal(clEnqueueReadBuffer(queue, one, CL_TRUE, 0, 4, back, 0, NULL,
                                  NULL), CL_INVALID_MEM_OBJECT,
              "an image is no buffer");
    tap_equal(clEnqueueReadImage(queue, bytes, CL_TRUE, zero, region, 0, 0,
                                 back, 0, NULL, NULL), CL_INVALID_MEM_OBJECT,
              "a buffer is no image");
    MUST(clFinish(queue));
    clReleaseMemObject(bytes);
    clReleaseMemObject(other);
    clReleaseMemObject(two);
    clReleaseMemObject(one);
}

static void test_fills(void)
{
    const size_t origin[3] = { 1, 2, 3 }, region[3] = { 2, 3, 2 };
    const cl_uint bytes[4] = { 1, 2, 3, 4 };
    const cl_float numbers[4] = { 0.5f, -1, 2, 4 };
    cl_mem image = image_of(0, &rgba, &kinds[2].desc, NULL);
    cl_mem other = image_of(0, &wide, &kinds[0].desc, NULL);
    size_t set = 0;
    cl_float *values = (cl_float *)back;

    MUST(clEnqueueFillImage(queue, image, bytes, origin, region, 0, NULL,
                            NULL));
    MUST(clEnqueueReadImage(queue, image, CL_TRUE, zero, kinds[2].size, 0, 0,
                            back, 0, NULL, NULL));
    for (size_t i = 0; i < W * H * D; i++) {
        set += back[i * 4] == 1 && back[i * 4 + 3] == 4;
    }
    tap_ok(set == 12 && back[((3 * H + 2) * W + 1) * 4 + 1] == 2,
           "a part is filled");
    MUST(clEnqueueFillImage(queue, other, numbers, zero, kinds[0].size, 0,
                            NULL, NULL));
    MUST(clEnqueueReadImage(queue, other, CL_TRUE, zero, kinds[0].size, 0, 0,
                            back, 0, NULL, NULL));
    tap_ok(values[0] == 0.5f && values[4 * W - 3] == -1 &&
           values[4 * W - 1] == 4, "with numbers, too");
    clReleaseMemObject(other);
    clReleaseMemObject(image);
}

/* An image that shows a buffer, which lives as long as it does */
static void test_views(void)
{
    cl_mem bytes = buffer(0, 4096, NULL);
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE1D_BUFFER, .image_width = 16,
        .mem_object = bytes,
    };
    const size_t part[3] = { 4, 1, 1 }, origin[3] = { 2, 0, 0 };
    cl_mem image = image_of(0, &rgba, &desc, NULL), shown = NULL;
    unsigned char *mapped;
    size_t pitch;
    cl_int status;

    MUST(clEnqueueWriteBuffer(queue, bytes, CL_FALSE, 8, 4, "show", 0, NULL,
                              NULL));
    MUST(clEnqueueReadImage(queue, image, CL_TRUE, origin, part, 0, 0, back, 0,
                            NULL, NULL));
    tap_ok(memcmp(back, "show", 4) == 0, "an image shows a buffer");
    mapped = clEnqueueMapImage(queue, image, CL_TRUE,
                               CL_MAP_READ | CL_MAP_WRITE, origin, part,
                               &pitch, NULL, 0, NULL, NULL, &status);
    must(status, "clEnqueueMapImage");
    memcpy(mapped, "back", 4);
    MUST(clEnqueueUnmapMemObject(queue, image, mapped, 0, NULL, NULL));
    MUST(clEnqueueReadBuffer(queue, bytes, CL_TRUE, 8, 4, back, 0, NULL,
                             NULL));
    tap_ok(memcmp(back, "back", 4) == 0, "and the buffer the image");
    MUST(clGetImageInfo(image, CL_IMAGE_BUFFER, sizeof(shown), &shown, NULL));
    tap_ok(shown == bytes, "it says which one");
    MUST(clReleaseMemObject(bytes));
    MUST(clEnqueueReadImage(queue, image, CL_TRUE, origin, part, 0, 0, back, 0,
                            NULL, NULL));
    tap_ok(memcmp(back, "back", 4) == 0, "which lives as long");
    clReleaseMemObject(image);
}

static void test_errors(void)
{
    const cl_image_format odd = { CL_RGBA, CL_UNORM_SHORT_565 };
    cl_image_desc desc = kinds[1].desc;
    cl_int status;

    clCreateImage(context, 0, &odd, &desc, NULL, &status);
    tap_equal(status, CL_INVALID_IMAGE_FORMAT_DESCRIPTOR, "no such format");
    clCreateImage(context, 0, NULL, &desc, NULL, &status);
    tap_equal(status, CL_INVALID_IMAGE_FORMAT_DESCRIPTOR, "no format");
    clCreateImage(context, 0, &rgba, NULL, NULL, &status);
    tap_equal(status, CL_INVALID_IMAGE_DESCRIPTOR, "no descriptor");
    clCreateImage(context, 0, &rgba, &desc, here, &status);
    tap_equal(status, CL_INVALID_HOST_PTR, "a pointer that is not used");
    clCreateImage(context, CL_MEM_COPY_HOST_PTR, &rgba, &desc, NULL, &status);
    tap_equal(status, CL_INVALID_HOST_PTR, "no pointer");
    desc.image_row_pitch = W * PIXEL;
    clCreateImage(context, 0, &rgba, &desc, NULL, &status);
    tap_equal(status, CL_INVALID_IMAGE_DESCRIPTOR, "a pitch of nothing");
    desc.image_row_pitch -= PIXEL;
    clCreateImage(context, CL_MEM_COPY_HOST_PTR, &rgba, &desc, here, &status);
    tap_equal(status, CL_INVALID_IMAGE_DESCRIPTOR, "a pitch that is too small");
    desc = kinds[1].desc;
    desc.image_width = (size_t)1 << 40;
    clCreateImage(context, 0, &rgba, &desc, NULL, &status);
    tap_equal(status, CL_INVALID_IMAGE_SIZE, "too wide");
    desc.image_width = 0;
    clCreateImage(context, 0, &rgba, &desc, NULL, &status);
    tap_equal(status, CL_INVALID_IMAGE_SIZE, "not wide at all");
    desc = kinds[1].desc;
    desc.num_mip_levels = 1;
    clCreateImage(context, 0, &rgba, &desc, NULL, &status);
    tap_equal(status, CL_INVALID_IMAGE_DESCRIPTOR, "no mipmaps");
}

static const char blend_source[] =
    "constant sampler_t s = CLK_NORMALIZED_COORDS_FALSE |\n"
    "    CLK_ADDRESS_CLAMP_TO_EDGE | CLK_FILTER_NEAREST;\n"
    "kernel void blend(read_only image2d_t a, read_only image2d_array_t b,\n"
    "                  write_only image2d_t c, int layer)\n"
    "{\n"
    "    int2 at = (int2)(get_global_id(0), get_global_id(1));\n"
    "    write_imageui(c, at, read_imageui(a, s, at) +\n"
    "                  read_imageui(b, s, (int4)(at, layer, 0)));\n"
    "}\n";

static cl_kernel blend_kernel(void)
{
    const char *text = blend_source;
    cl_int status;
    cl_program own = clCreateProgramWithSource(context, 1, &text, NULL,
                                               &status);
    cl_kernel blend;

    must(status, "clCreateProgramWithSource");
    MUST(clBuildProgram(own, 0, NULL, NULL, NULL, NULL));
    blend = clCreateKernel(own, "blend", &status);
    must(status, "clCreateKernel");
    clReleaseProgram(own);
    return blend;
}

static void test_kernels(void)
{
    const size_t items[2] = { W, H };
    const cl_uint one[4] = { 1, 2, 3, 4 }, two[4] = { 10, 20, 30, 40 };
    const size_t layer[3] = { 0, 0, 2 };
    cl_kernel blend = blend_kernel();
    cl_mem a = plane(CL_MEM_READ_ONLY, W, H, NULL);
    cl_mem b = image_of(0, &rgba, &kinds[4].desc, NULL);
    cl_mem c = plane(CL_MEM_WRITE_ONLY, W, H, NULL);
    cl_mem plain = buffer(0, 4096, NULL);
    const cl_int number = 2;

    MUST(clEnqueueFillImage(queue, a, one, zero, kinds[1].size, 0, NULL,
                            NULL));
    MUST(clEnqueueFillImage(queue, b, two, layer, kinds[1].size, 0, NULL,
                            NULL));
    tap_equal(clSetKernelArg(blend, 0, sizeof(plain), &plain),
              CL_INVALID_ARG_VALUE, "a buffer is no image");
    tap_equal(clSetKernelArg(blend, 0, sizeof(b), &b), CL_INVALID_ARG_VALUE,
              "an array is no plane");
    tap_equal(clSetKernelArg(blend, 0, sizeof(c), &c), CL_INVALID_ARG_VALUE,
              "what is only written cannot be read");
    tap_equal(clSetKernelArg(blend, 2, sizeof(a), &a), CL_INVALID_ARG_VALUE,
              "nor what is only read be written");
    tap_equal(clSetKernelArg(blend, 0, 4, &a), CL_INVALID_ARG_SIZE,
              "half a handle");
    MUST(clSetKernelArg(blend, 0, sizeof(a), &a));
    MUST(clSetKernelArg(blend, 1, sizeof(b), &b));
    MUST(clSetKernelArg(blend, 2, sizeof(c), &c));
    MUST(clSetKernelArg(blend, 3, sizeof(number), &number));
    MUST(clEnqueueNDRangeKernel(queue, blend, 2, NULL, items, NULL, 0, NULL,
                                NULL));
    MUST(clEnqueueReadImage(queue, c, CL_TRUE, zero, kinds[1].size, 0, 0, back,
                            0, NULL, NULL));
    tap_ok(back[0] == 11 && back[3] == 44 && back[W * H * 4 - 1] == 44,
           "a kernel reads and writes images");
    clReleaseMemObject(a);
    tap_equal(clEnqueueNDRangeKernel(queue, blend, 2, NULL, items, NULL, 0,
                                     NULL, NULL), CL_INVALID_KERNEL_ARGS,
              "not one that is gone");
    clReleaseKernel(blend);
    clReleaseMemObject(plain);
    clReleaseMemObject(c);
    clReleaseMemObject(b);
}

static sem_t destroyed;

static void CL_CALLBACK note(cl_mem mem, void *opaque)
{
    (void)mem;
    (void)opaque;
    sem_post(&destroyed);
}

/* An image lives as long as a command uses it, and tells of its end. */
static void test_lifetime(void)
{
    cl_mem image = plane(0, W, H, NULL);
    cl_event gate = user_event(), moved;

    sem_init(&destroyed, 0, 0);
    MUST(clSetMemObjectDestructorCallback(image, note, NULL));
    MUST(clEnqueueReadImage(queue, image, CL_FALSE, zero, kinds[1].size, 0, 0,
                            back, 1, &gate, &moved));
    MUST(clEnqueueMigrateMemObjects(queue, 1, &image, 0, 0, NULL, NULL));
    MUST(clReleaseMemObject(image));
    tap_equal(sem_trywait(&destroyed), -1, "a command keeps it");
    MUST(clSetUserEventStatus(gate, CL_COMPLETE));
    MUST(clWaitForEvents(1, &moved));
    MUST(clFinish(queue));
    sem_wait(&destroyed);
    tap_ok(true, "its end is told");
    clReleaseEvent(moved);
    clReleaseEvent(gate);
}

static void test_formats(void)
{
    cl_image_format formats[256];
    cl_uint count = 0;
    bool found = false;

    MUST(clGetSupportedImageFormats(context, CL_MEM_READ_WRITE,
                                    CL_MEM_OBJECT_IMAGE2D, 0, NULL, &count));
    MUST(clGetSupportedImageFormats(context, CL_MEM_READ_WRITE,
                                    CL_MEM_OBJECT_IMAGE2D, COUNT(formats),
                                    formats, NULL));
    for (cl_uint i = 0; i < count && i < COUNT(formats); i++) {
        found |= memcmp(&formats[i], &rgba, sizeof(rgba)) == 0;
    }
    tap_ok(count > 0 && found, "there are formats");
    tap_equal(clGetSupportedImageFormats(context, CL_MEM_READ_WRITE,
                                         CL_MEM_OBJECT_BUFFER, 0, NULL,
                                         &count), CL_INVALID_VALUE,
              "not of buffers");
}

int main(void)
{
    scene_set();
    test_formats();
    test_types();
    test_pitches();
    test_large();
    test_host_pointers();
    test_maps();
    test_mapped_pitches();
    test_copies();
    test_fills();
    test_views();
    test_errors();
    test_kernels();
    test_lifetime();
    clReleaseProgram(program);
    return tap_done();
}
