/*
 * What Debian's package of PoCL's tests leaves out: the helpers that they use,
 * by the names that PoCL gives them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef POCLU_H
#define POCLU_H

#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>

/* Whether it is no success; then it is said. */
static inline int poclu_failed(cl_int error, const char *what, int line)
{
    if (error != CL_SUCCESS) {
        fprintf(stderr, "line %d: %s: error %d\n", line, what, error);
    }
    return error != CL_SUCCESS;
}

#define check_cl_error(error, line, what) poclu_failed(error, what, line)

#define CHECK_CL_ERROR(call) do { \
        if (poclu_failed((call), #call, __LINE__)) { \
            return EXIT_FAILURE; \
        } \
    } while (0)

#define CHECK_CL_ERROR2(error) CHECK_CL_ERROR(error)

#define CHECK_OPENCL_ERROR_IN(what) do { \
        if (poclu_failed(err, what, __LINE__)) { \
            return EXIT_FAILURE; \
        } \
    } while (0)

#define TEST_ASSERT(condition) do { \
        if (!(condition)) { \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
            return EXIT_FAILURE; \
        } \
    } while (0)

/* The first device, a context and a queue for it */
static inline cl_int poclu_get_any_device2(cl_context *context,
                                           cl_device_id *device,
                                           cl_command_queue *queue,
                                           cl_platform_id *platform)
{
    cl_int error = clGetPlatformIDs(1, platform, NULL);

    if (error == CL_SUCCESS) {
        error = clGetDeviceIDs(*platform, CL_DEVICE_TYPE_ALL, 1, device, NULL);
    }
    if (error == CL_SUCCESS) {
        *context = clCreateContext(NULL, 1, device, NULL, NULL, &error);
    }
    if (error == CL_SUCCESS) {
        *queue = clCreateCommandQueue(*context, *device, 0, &error);
    }
    return error;
}

static inline cl_int poclu_get_any_device(cl_context *context,
                                          cl_device_id *device,
                                          cl_command_queue *queue)
{
    cl_platform_id platform;

    return poclu_get_any_device2(context, device, queue, &platform);
}

static inline cl_context poclu_create_any_context(void)
{
    cl_context context = NULL;
    cl_command_queue queue = NULL;
    cl_device_id device;

    poclu_get_any_device(&context, &device, &queue);
    if (queue) {
        clReleaseCommandQueue(queue);
    }
    return context;
}

/* To standard error */
static inline cl_int poclu_show_program_build_log(cl_program program)
{
    char log[4096] = "";
    cl_device_id device;
    cl_int error = clGetProgramInfo(program, CL_PROGRAM_DEVICES,
                                    sizeof(device), &device, NULL);

    if (error == CL_SUCCESS) {
        error = clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG,
                                      sizeof(log) - 1, log, NULL);
    }
    fprintf(stderr, "%s\n", log);
    return error;
}

/*
 * The file's bytes and a NUL, which the caller frees, and how many there are;
 * NULL: it has none.
 */
static inline char *poclu_read_binfile(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long size = 0;

    if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
        rewind(file);
        text = (char *)calloc(1, size + 1);
        if (text && fread(text, 1, size, file) != (size_t)size) {
            free(text);
            text = NULL;
        }
    }
    if (file) {
        fclose(file);
    }
    *length = size;
    return text;
}

static inline char *poclu_read_file(const char *path)
{
    size_t length;

    return poclu_read_binfile(path, &length);
}

/* Devices here have the order of bytes that this processor has. */
#define poclu_bswap_cl_int(device, value) (value)
#define poclu_bswap_cl_float(device, value) (value)
#define poclu_bswap_cl_int_array(device, values, count) ((void)(device))
#define poclu_bswap_cl_float_array(device, values, count) ((void)(device))

#endif /* POCLU_H */
