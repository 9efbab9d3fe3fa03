/*
 * vector-sum: adds numbers on the first device of the first platform, like any
 * program that uses OpenCL, and compares with what the processor has
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N (1 << 16)
#define BYTES (N * sizeof(cl_int))

static const char *source =
    "kernel void sum(global const int *a, global int *b)\n"
    "{ size_t i = get_global_id(0); b[i] += a[i]; }\n";

static void must(cl_int status, const char *what)
{
    if (status != CL_SUCCESS) {
        fprintf(stderr, "vector-sum: %s: error %d\n", what, status);
        exit(EXIT_FAILURE);
    }
}

#define MUST(call) must(call, #call)

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static cl_device_id find_device(void)
{
    cl_platform_id platform;
    cl_device_id device;
    char name[256], its_platform[256];

    MUST(clGetPlatformIDs(1, &platform, NULL));
    MUST(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL));
    MUST(clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof(its_platform),
                           its_platform, NULL));
    MUST(clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof(name), name, NULL));
    printf("device: %s, platform: %s\n", name, its_platform);
    return device;
}

/* @b receives the sums of @a and @b. */
static void sum_on(cl_device_id device, cl_int *a, cl_int *b)
{
    const size_t size = N;
    cl_int status;
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL,
                                         &status);
    cl_command_queue queue;
    cl_program program;
    cl_kernel kernel;
    cl_mem a_there, b_there;

    must(status, "clCreateContext");
    queue = clCreateCommandQueue(context, device, 0, &status);
    must(status, "clCreateCommandQueue");
    a_there = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                             BYTES, a, &status);
    must(status, "clCreateBuffer");
    b_there = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                             BYTES, b, &status);
    must(status, "clCreateBuffer");
    program = clCreateProgramWithSource(context, 1, &source, NULL, &status);
    must(status, "clCreateProgramWithSource");
    MUST(clBuildProgram(program, 0, NULL, NULL, NULL, NULL));
    kernel = clCreateKernel(program, "sum", &status);
    must(status, "clCreateKernel");
    MUST(clSetKernelArg(kernel, 0, sizeof(a_there), &a_there));
    MUST(clSetKernelArg(kernel, 1, sizeof(b_there), &b_there));
    MUST(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &size, NULL, 0, NULL,
                                NULL));
    MUST(clEnqueueReadBuffer(queue, b_there, CL_TRUE, 0, BYTES, b, 0, NULL,
                             NULL));
}

int main(void)
{
    const double begin = now_ms();
    cl_int *a = malloc(BYTES), *b = malloc(BYTES);

    if (!a || !b) {
        return EXIT_FAILURE;
    }
    for (int i = 0; i < N; i++) {
        a[i] = i;
        b[i] = 7 * i;
    }
    sum_on(find_device(), a, b);
    for (int i = 0; i < N; i++) {
        if (b[i] != 8 * i) {
            fprintf(stderr, "vector-sum: %d: %d, not %d\n", i, b[i], 8 * i);
            return EXIT_FAILURE;
        }
    }
    printf("vector-sum: %d sums, all as the processor has them; first_ms %.1f\n",
           N, now_ms() - begin);
    return EXIT_SUCCESS;
}
