/*
 * test-samplers: what samplers are, and what kernels read by them
 *
 * Prints TAP. It passes on any OpenCL that keeps to the specification and has
 * images.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "scene.h"

static const char pick_source[] =
    "kernel void pick(read_only image2d_t from, sampler_t s,\n"
    "                 global uint *to, float x, float y)\n"
    "{ to[0] = read_imageui(from, s, (float2)(x, y)).x; }\n"
    "kernel void mix2(read_only image2d_t from, sampler_t s,\n"
    "                 global float *to, float x, float y)\n"
    "{ to[0] = read_imagef(from, s, (float2)(x, y)).x; }\n";

static cl_program own;

static cl_sampler sampler(cl_bool normalized, cl_addressing_mode addressing,
                          cl_filter_mode filter)
{
    cl_int status;
    cl_sampler made = clCreateSampler(context, normalized, addressing, filter,
                                      &status);

    must(status, "clCreateSampler");
    return made;
}

static cl_kernel own_kernel(const char *name)
{
    cl_int status;
    cl_kernel made = clCreateKernel(own, name, &status);

    must(status, "clCreateKernel");
    return made;
}

static cl_mem plane(cl_channel_type type, void *bytes)
{
    const cl_image_format format = { CL_R, type };
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = 2,
        .image_height = 2,
    };
    cl_int status;
    cl_mem image = clCreateImage(context, CL_MEM_COPY_HOST_PTR, &format, &desc,
                                 bytes, &status);

    must(status, "clCreateImage");
    return image;
}

/* The number that the kernel finds at that place */
static void run(cl_kernel kernel, cl_mem image, cl_sampler by, cl_float x,
                cl_float y, void *number)
{
    cl_mem to = buffer(0, 4, NULL);
    const size_t one = 1;

    MUST(clSetKernelArg(kernel, 0, sizeof(image), &image));
    MUST(clSetKernelArg(kernel, 1, sizeof(by), &by));
    MUST(clSetKernelArg(kernel, 2, sizeof(to), &to));
    MUST(clSetKernelArg(kernel, 3, sizeof(x), &x));
    MUST(clSetKernelArg(kernel, 4, sizeof(y), &y));
    MUST(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &one, NULL, 0, NULL,
                                NULL));
    MUST(clEnqueueReadBuffer(queue, to, CL_TRUE, 0, 4, number, 0, NULL, NULL));
    clReleaseMemObject(to);
}

static void test_picking(void)
{
    cl_uint numbers[4] = { 10, 20, 30, 40 }, found;
    cl_mem image = plane(CL_UNSIGNED_INT32, numbers);
    cl_kernel pick = own_kernel("pick");
    cl_sampler plain = sampler(CL_FALSE, CL_ADDRESS_CLAMP_TO_EDGE,
                               CL_FILTER_NEAREST);
    cl_sampler scaled = sampler(CL_TRUE, CL_ADDRESS_CLAMP_TO_EDGE,
                                CL_FILTER_NEAREST);
    cl_sampler border = sampler(CL_FALSE, CL_ADDRESS_CLAMP,
                                CL_FILTER_NEAREST);

    run(pick, image, plain, 1, 1, &found);
    tap_equal(found, 40, "a pixel by its place");
    run(pick, image, plain, 9, 0, &found);
    tap_equal(found, 20, "outside is the edge");
    run(pick, image, scaled, 0.25f, 0.75f, &found);
    tap_equal(found, 30, "a normalized place");
    run(pick, image, border, -5, 0, &found);
    tap_equal(found, 0, "outside is the border");
    clReleaseSampler(border);
    clReleaseSampler(scaled);
    clReleaseSampler(plain);
    clReleaseKernel(pick);
    clReleaseMemObject(image);
}

static void test_mixing(void)
{
    cl_float numbers[4] = { 1, 2, 3, 4 }, found;
    cl_mem image = plane(CL_FLOAT, numbers);
    cl_kernel mix2 = own_kernel("mix2");
    cl_sampler linear = sampler(CL_FALSE, CL_ADDRESS_CLAMP_TO_EDGE,
                                CL_FILTER_LINEAR);

    run(mix2, image, linear, 1, 1, &found);
    tap_ok(found > 2.49f && found < 2.51f, "between four of them");
    clReleaseSampler(linear);
    clReleaseKernel(mix2);
    clReleaseMemObject(image);
}

static void test_questions(void)
{
    const cl_sampler_properties list[] = {
        CL_SAMPLER_FILTER_MODE, CL_FILTER_LINEAR, CL_SAMPLER_ADDRESSING_MODE,
        CL_ADDRESS_MIRRORED_REPEAT, 0,
    };
    cl_int status;
    cl_sampler made = clCreateSamplerWithProperties(context, list, &status);
    cl_sampler_properties properties[8];
    cl_bool normalized = 7;
    cl_addressing_mode addressing = 0;
    cl_filter_mode filter = 0;
    cl_context whose = NULL;
    cl_uint refs = 0;
    size_t size = 0;

    must(status, "clCreateSamplerWithProperties");
    MUST(clGetSamplerInfo(made, CL_SAMPLER_NORMALIZED_COORDS,
                          sizeof(normalized), &normalized, NULL));
    MUST(clGetSamplerInfo(made, CL_SAMPLER_ADDRESSING_MODE,
                          sizeof(addressing), &addressing, NULL));
    MUST(clGetSamplerInfo(made, CL_SAMPLER_FILTER_MODE, sizeof(filter),
                          &filter, NULL));
    MUST(clGetSamplerInfo(made, CL_SAMPLER_CONTEXT, sizeof(whose), &whose,
                          NULL));
    tap_ok(normalized == CL_TRUE && addressing == CL_ADDRESS_MIRRORED_REPEAT &&
           filter == CL_FILTER_LINEAR && whose == context,
           "as it was made, and what was not said");
    MUST(clGetSamplerInfo(made, CL_SAMPLER_PROPERTIES, sizeof(properties),
                          properties, &size));
    tap_ok(size == sizeof(list) && memcmp(properties, list, size) == 0,
           "with the properties as they were given");
    MUST(clRetainSampler(made));
    MUST(clGetSamplerInfo(made, CL_SAMPLER_REFERENCE_COUNT, sizeof(refs),
                          &refs, NULL));
    tap_equal(refs, 2, "it counts references");
    MUST(clReleaseSampler(made));
    MUST(clReleaseSampler(made));
}

static void test_errors(void)
{
    const cl_sampler_properties twice[] = {
        CL_SAMPLER_FILTER_MODE, CL_FILTER_LINEAR, CL_SAMPLER_FILTER_MODE,
        CL_FILTER_LINEAR, 0,
    }, unknown[] = { 0x9999, 1, 0 };
    cl_int status;

    clCreateSampler(context, 2, CL_ADDRESS_NONE, CL_FILTER_NEAREST, &status);
    tap_equal(status, CL_INVALID_VALUE, "neither true nor false");
    clCreateSampler(context, CL_FALSE, CL_ADDRESS_REPEAT, CL_FILTER_NEAREST,
                    &status);
    tap_equal(status, CL_INVALID_VALUE, "nothing repeats that is not scaled");
    clCreateSampler(NULL, CL_TRUE, CL_ADDRESS_NONE, CL_FILTER_NEAREST,
                    &status);
    tap_equal(status, CL_INVALID_CONTEXT, "no context");
    clCreateSamplerWithProperties(context, twice, &status);
    tap_equal(status, CL_INVALID_VALUE, "a property is said once");
    clCreateSamplerWithProperties(context, unknown, &status);
    tap_equal(status, CL_INVALID_VALUE, "and is one that there is");
}

static void test_arguments(void)
{
    cl_kernel pick = own_kernel("pick");
    cl_sampler plain = sampler(CL_FALSE, CL_ADDRESS_CLAMP, CL_FILTER_NEAREST);
    cl_mem bytes = buffer(0, 16, NULL);

    tap_equal(clSetKernelArg(pick, 1, 4, &plain), CL_INVALID_ARG_SIZE,
              "half a handle");
    tap_equal(clSetKernelArg(pick, 1, sizeof(bytes), &bytes),
              CL_INVALID_SAMPLER, "a buffer is no sampler");
    tap_equal(clSetKernelArg(pick, 1, sizeof(plain), NULL),
              CL_INVALID_SAMPLER, "nor is nothing");
    tap_equal(clSetKernelArg(pick, 0, sizeof(plain), &plain),
              CL_INVALID_MEM_OBJECT, "a sampler is no image");
    MUST(clSetKernelArg(pick, 1, sizeof(plain), &plain));
    clReleaseMemObject(bytes);
    clReleaseSampler(plain);
    clReleaseKernel(pick);
}

int main(void)
{
    const char *text = pick_source;
    cl_int status;

    scene_set();
    own = clCreateProgramWithSource(context, 1, &text, NULL, &status);
    must(status, "clCreateProgramWithSource");
    MUST(clBuildProgram(own, 0, NULL, NULL, NULL, NULL));
    test_picking();
    test_mixing();
    test_questions();
    test_errors();
    test_arguments();
    clReleaseProgram(program);
    return tap_done();
}
