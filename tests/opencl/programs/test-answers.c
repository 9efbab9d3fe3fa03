/*
 * test-answers: questions, and work of each kind, whose results do not matter
 *
 * Whatever the host answers, the program goes on to its end. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scene.h"

#define PIXELS 16

static cl_platform_id platform;

static const char asking[] =
    "#if __OPENCL_VERSION__ >= 100 && defined(__clang__)\n"
    "#include \"nowhere.h\"\n"
    "#endif\n"
    "kernel void nothing(void) { }\n";

static const char image_source[] =
    "kernel void brighten(read_only image2d_t a, write_only image2d_t b,\n"
    "                     sampler_t s) {\n"
    "    const int2 at = (int2)(get_global_id(0), 0);\n"
    "    write_imageui(b, at, read_imageui(a, s, at) + 1); }\n";

/* All that can be asked of the device, in memory of that size and of less */
static void test_device(void)
{
    for (cl_device_info name = 0x1000; name < 0x1080; name++) {
        size_t size = 0;
        char *value;

        clGetDeviceInfo(device, name, 0, NULL, &size);
        value = malloc(size + 1);
        clGetDeviceInfo(device, name, size, value, NULL);
        clGetDeviceInfo(device, name, size / 2, value, NULL);
        free(value);
    }
    clGetPlatformInfo(platform, CL_PLATFORM_VERSION, 0, NULL, NULL);
    tap_ok(true, "questions about the device");
}

static cl_program build(const char *text)
{
    char log[4096];
    cl_program made = clCreateProgramWithSource(context, 1, &text, NULL, NULL);
    size_t size = 0;

    clBuildProgram(made, 0, NULL, "-DN=1", NULL, NULL);
    clGetProgramBuildInfo(made, device, CL_PROGRAM_BUILD_LOG, sizeof(log), log,
                          NULL);
    clGetProgramInfo(made, CL_PROGRAM_KERNEL_NAMES, sizeof(log), log, NULL);
    clGetProgramInfo(made, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size, NULL);
    if (size > 0) {
        unsigned char *bytes = malloc(size);

        clGetProgramInfo(made, CL_PROGRAM_BINARIES, sizeof(bytes), &bytes,
                         NULL);
        free(bytes);
    }
    return made;
}

static void ask_kernel(cl_kernel made)
{
    static char value[65536];
    const size_t local = 1;

    for (cl_uint name = 0x1190; name < 0x11a0; name++) {
        clGetKernelInfo(made, name, sizeof(value), value, NULL);
        clGetKernelArgInfo(made, 0, name, sizeof(value), value, NULL);
    }
    for (cl_uint name = 0x11b0; name < 0x11c0; name++) {
        clGetKernelWorkGroupInfo(made, device, name, sizeof(value), value,
                                 NULL);
    }
    clGetKernelSubGroupInfo(made, device,
                            CL_KERNEL_MAX_SUB_GROUP_SIZE_FOR_NDRANGE,
                            sizeof(local), &local, sizeof(value), value,
                            NULL);
}

static void test_programs(void)
{
    cl_program made = build(image_source);
    cl_kernel kernels[4] = { NULL };
    cl_uint count = 0;

    clCreateKernelsInProgram(made, 4, kernels, &count);
    for (cl_uint i = 0; i < count && i < 4; i++) {
        ask_kernel(kernels[i]);
        clReleaseKernel(kernels[i]);
    }
    clReleaseProgram(made);
    clReleaseProgram(build(asking));
    tap_ok(true, "programs and kernels");
}

/* In memory of just that size, and where others have theirs behind it */
static void read_all(cl_mem image, cl_mem mem)
{
    static const size_t begin[3], region[3] = { PIXELS, PIXELS, 1 };
    static char pixels[PIXELS * PIXELS * 4 + 65536];
    char *bytes = calloc(1, 512);
    size_t row = 0, wrong = 0;
    void *mapped;

    memset(pixels, 1, sizeof(pixels));
    clEnqueueReadImage(queue, image, CL_TRUE, begin, region, 0, 0, pixels, 0,
                       NULL, NULL);
    clEnqueueWriteImage(queue, image, CL_TRUE, begin, region, 0, 0, pixels, 0,
                        NULL, NULL);
    clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, 512, bytes, 0, NULL, NULL);
    mapped = clEnqueueMapImage(queue, image, CL_TRUE, CL_MAP_READ, begin,
                               region, &row, NULL, 0, NULL, NULL, NULL);
    if (mapped) {
        clEnqueueUnmapMemObject(queue, image, mapped, 0, NULL, NULL);
    }
    clFinish(queue);
    free(bytes);
    for (size_t i = PIXELS * PIXELS * 4; i < sizeof(pixels); i++) {
        wrong += pixels[i] != 1;
    }
    tap_equal(wrong, 0, "what is behind an image that was read");
}

static void test_memory(void)
{
    const cl_image_format format = { CL_RGBA, CL_UNSIGNED_INT8 };
    const cl_image_format rare = { CL_RGBx, CL_UNORM_SHORT_555 };
    const cl_image_desc desc = {
        .image_type = CL_MEM_OBJECT_IMAGE2D,
        .image_width = PIXELS,
        .image_height = PIXELS,
    };
    cl_image_format formats[4];
    cl_mem image, mem, other;
    cl_uint count;

    clGetSupportedImageFormats(context, CL_MEM_READ_WRITE,
                               CL_MEM_OBJECT_IMAGE2D, 4, formats, &count);
    image = clCreateImage(context, CL_MEM_READ_WRITE, &format, &desc, NULL,
                          NULL);
    mem = clCreateBuffer(context, CL_MEM_READ_WRITE, 4096, NULL, NULL);
    other = clCreateImage(context, CL_MEM_READ_WRITE, &rare, &desc, NULL, NULL);
    if (other) {
        clReleaseMemObject(other);
    }
    if (image && mem) {
        read_all(image, mem);
    }
    if (image) {
        clReleaseMemObject(image);
    }
    if (mem) {
        clReleaseMemObject(mem);
    }
    tap_ok(true, "memory");
}

int main(void)
{
    cl_int status;

    /* Without a platform, there is nobody to be asked. */
    if (clGetPlatformIDs(1, &platform, NULL) == CL_SUCCESS) {
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL);
        context = clCreateContext(NULL, 1, &device, NULL, NULL, &status);
        queue = clCreateCommandQueue(context, device, 0, &status);
        test_device();
        test_programs();
        test_memory();
        clReleaseCommandQueue(queue);
        clReleaseContext(context);
    }
    return tap_done();
}
