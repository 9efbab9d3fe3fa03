/*
 * Programs, and what their kernels compute, for the tests that make them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BUILD_H
#define BUILD_H

#include "scene.h"

static inline cl_program from(const char *text)
{
    cl_int status;
    cl_program made = clCreateProgramWithSource(context, 1, &text, NULL,
                                                &status);

    must(status, "clCreateProgramWithSource");
    return made;
}

/* What it has said the last time; valid until the next call */
static inline const char *log_of(cl_program of)
{
    static char text[1 << 16];

    text[0] = '\0';
    clGetProgramBuildInfo(of, device, CL_PROGRAM_BUILD_LOG, sizeof(text), text,
                          NULL);
    return text;
}

static inline cl_program_binary_type type_of(cl_program of)
{
    cl_program_binary_type type = 99;

    MUST(clGetProgramBuildInfo(of, device, CL_PROGRAM_BINARY_TYPE,
                               sizeof(type), &type, NULL));
    return type;
}

/* What its kernel "k" writes into its only argument, an int; or an error */
static inline cl_int value_of(cl_program of)
{
    cl_int status;
    cl_kernel k = clCreateKernel(of, "k", &status);
    cl_mem mem;

    if (!k) {
        return status;
    }
    mem = zeros();
    MUST(clSetKernelArg(k, 0, sizeof(mem), &mem));
    launch(queue, k, 1, 0, NULL, NULL);
    status = first_of(mem);
    clReleaseMemObject(mem);
    clReleaseKernel(k);
    return status;
}

/* The same of a source that is built with these options, or the error */
static inline cl_int built_value(const char *text, const char *options)
{
    cl_program made = from(text);
    cl_int status = clBuildProgram(made, 0, NULL, options, NULL, NULL);

    if (status == CL_SUCCESS) {
        status = value_of(made);
    } else {
        printf("# %s\n", log_of(made));
    }
    clReleaseProgram(made);
    return status;
}

#define KERNEL(value) \
    "kernel void k(global int *a) { a[0] = " value "; }\n"

#endif /* BUILD_H */
