/*
 * What the tests of OpenCL's semantics stand on: a context, a queue and kernels
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SCENE_H
#define SCENE_H

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <string.h>

#include "../../guest/tap.h"

#define N 1024
#define BYTES (N * sizeof(cl_int))

static cl_device_id device;
static cl_context context;
static cl_command_queue queue;
static cl_program program;

static const char source[] =
    "kernel void add(global int *a, int n) { a[get_global_id(0)] += n; }\n"
    "kernel void twice(global int *a) { a[get_global_id(0)] *= 2; }\n"
    "kernel void say(int n) { printf(\"say %d\\n\", n); }\n"
    "kernel void sum(global int *a, local int *b, int4 c) {\n"
    "    b[get_local_id(0)] = a[get_global_id(0)];\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    a[get_global_id(0)] = b[get_local_size(0) - 1 - get_local_id(0)]\n"
    "                          + c.x + c.y + c.z + c.w; }\n";

/* What cannot fail here, or the program ends. */
static inline void must(cl_int status, const char *what)
{
    if (status != CL_SUCCESS) {
        printf("Bail out! %s: %d\n", what, status);
        exit(EXIT_FAILURE);
    }
}

#define MUST(call) must(call, #call)

static inline void scene_set(void)
{
    const char *text = source;
    cl_platform_id platform;
    cl_int status;

    MUST(clGetPlatformIDs(1, &platform, NULL));
    MUST(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL));
    context = clCreateContext(NULL, 1, &device, NULL, NULL, &status);
    must(status, "clCreateContext");
    queue = clCreateCommandQueue(context, device, CL_QUEUE_PROFILING_ENABLE,
                                 &status);
    must(status, "clCreateCommandQueue");
    program = clCreateProgramWithSource(context, 1, &text, NULL, &status);
    must(status, "clCreateProgramWithSource");
    MUST(clBuildProgram(program, 0, NULL, NULL, NULL, NULL));
}

static inline cl_mem buffer(cl_mem_flags flags, size_t size, void *bytes)
{
    cl_int status;
    cl_mem mem = clCreateBuffer(context, flags, size, bytes, &status);

    must(status, "clCreateBuffer");
    return mem;
}

static inline cl_kernel kernel(const char *name)
{
    cl_int status;
    cl_kernel made = clCreateKernel(program, name, &status);

    must(status, "clCreateKernel");
    return made;
}

static inline void launch(cl_command_queue where, cl_kernel what, size_t items,
                          cl_uint count, const cl_event *list, cl_event *event)
{
    MUST(clEnqueueNDRangeKernel(where, what, 1, NULL, &items, NULL, count,
                                list, event));
}

/* "add" of @n to @mem's numbers */
static inline cl_kernel adder(cl_mem mem, cl_int n)
{
    cl_kernel add = kernel("add");

    MUST(clSetKernelArg(add, 0, sizeof(mem), &mem));
    MUST(clSetKernelArg(add, 1, sizeof(n), &n));
    return add;
}

static inline cl_int first_of(cl_mem mem)
{
    cl_int value = -1;

    MUST(clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, sizeof(value), &value, 0,
                             NULL, NULL));
    return value;
}

static inline cl_mem zeros(void)
{
    static cl_int values[N];

    return buffer(CL_MEM_COPY_HOST_PTR, BYTES, values);
}

static inline cl_event user_event(void)
{
    cl_int status;
    cl_event event = clCreateUserEvent(context, &status);

    must(status, "clCreateUserEvent");
    return event;
}

static inline cl_int status_of(cl_event event)
{
    cl_int status = 1;

    MUST(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS,
                        sizeof(status), &status, NULL));
    return status;
}

static inline cl_uint refs_of(cl_event event)
{
    cl_uint refs = 0;

    MUST(clGetEventInfo(event, CL_EVENT_REFERENCE_COUNT, sizeof(refs), &refs,
                        NULL));
    return refs;
}

#endif /* SCENE_H */
