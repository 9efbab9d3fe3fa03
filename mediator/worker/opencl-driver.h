/*
 * The OpenCL driver: its functions and errors, for backend-opencl.c and its
 * parts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_DRIVER_H
#define WORKER_OPENCL_DRIVER_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "backend.h"

#define OPENCL_FUNCTIONS(f) \
    f(clBuildProgram) f(clCompileProgram) f(clCreateBuffer) \
    f(clCreateCommandQueue) f(clCreateSubBuffer) \
    f(clCreateContext) f(clCreateKernel) f(clCreateProgramWithSource) \
    f(clEnqueueCopyBuffer) f(clEnqueueCopyBufferRect) \
    f(clEnqueueFillBuffer) f(clEnqueueMarkerWithWaitList) \
    f(clEnqueueNDRangeKernel) f(clEnqueueReadBuffer) \
    f(clEnqueueReadBufferRect) f(clEnqueueWriteBufferRect) \
    f(clEnqueueWriteBuffer) f(clFinish) f(clGetDeviceIDs) \
    f(clGetDeviceInfo) f(clGetEventInfo) f(clGetEventProfilingInfo) \
    f(clGetKernelArgInfo) f(clGetKernelInfo) f(clGetPlatformIDs) \
    f(clGetKernelWorkGroupInfo) f(clGetProgramInfo) \
    f(clGetProgramBuildInfo) f(clLinkProgram) f(clReleaseCommandQueue) \
    f(clReleaseContext) f(clReleaseEvent) f(clReleaseKernel) \
    f(clReleaseMemObject) f(clReleaseProgram) f(clSetKernelArg) \
    f(clCreateImage) f(clGetImageInfo) f(clGetMemObjectInfo) \
    f(clGetSupportedImageFormats) f(clEnqueueReadImage) \
    f(clEnqueueWriteImage) f(clEnqueueFillImage) f(clEnqueueCopyImage) \
    f(clEnqueueCopyImageToBuffer) f(clEnqueueCopyBufferToImage) \
    f(clCreateSampler) f(clReleaseSampler)

/* The library's functions, by their own names; loaded by the backend */
#define OPENCL_DECLARE(function) __typeof__(function) *function;
typedef struct OpenclDriver {
    OPENCL_FUNCTIONS(OPENCL_DECLARE)
    /* Of OpenCL 2.1, which headers for 1.2 do not have; NULL: not there */
    cl_int (CL_API_CALL *clGetKernelSubGroupInfo)(
        cl_kernel kernel, cl_device_id device, cl_uint param,
        size_t input_size, const void *input, size_t size, void *value,
        size_t *needed);
} OpenclDriver;
extern OpenclDriver cl;

struct Backend {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    char *name;                 /* the device's */
};

/* A program of the backend's */
typedef struct OpenclProgram {
    cl_program program;
    char *text;
    /* What has been asked about types: see opencl-types.h */
    GHashTable *types;
} OpenclProgram;

/* Set @error to what @status of the call @what means; always returns false. */
bool opencl_fail(GError **error, const char *what, cl_int status);

/* The same unless it is CL_SUCCESS */
bool opencl_check(cl_int status, const char *what, GError **error);

/* Set the arguments of @kernel, if they are what it takes. */
bool opencl_set_arguments(Backend *backend, OpenclProgram *program,
                          cl_kernel kernel, const KernelArgument *arguments,
                          unsigned count, GError **error);

/*
 * Find the work-group size for @range: that which it names, if @kernel can have
 * it on this device, or one of the backend's choice. Checks the device's
 * limits. The kernel has its arguments.
 */
bool opencl_choose_group(Backend *backend, cl_kernel kernel,
                         const NdRange *range, size_t group[3],
                         GError **error);

#endif /* WORKER_OPENCL_DRIVER_H */
