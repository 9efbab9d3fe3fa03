/*
 * A driver that computes nothing: programs, which have two kernels
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "objects.h"

#include <string.h>

static void program_free(void *object)
{
    g_free(((cl_program)object)->source);
}

static cl_program program_new(void)
{
    cl_program program = object_new(PROGRAM, sizeof(*program), program_free);

    program->status = CL_BUILD_NONE;
    return program;
}

static cl_program create(cl_context context, cl_uint count,
                         const char **strings, const size_t *lengths,
                         cl_int *status)
{
    cl_program program;

    check_context(context);
    g_assert_cmpuint(count, ==, 1);
    if (!makes(status, CL_OUT_OF_HOST_MEMORY)) {
        return NULL;
    }
    program = program_new();
    program->length = lengths != NULL ? lengths[0] : strlen(strings[0]);
    program->source = g_malloc0(program->length + 1);
    memcpy(program->source, strings[0], program->length);
    return program;
}

static void check_options(const char *options)
{
    g_assert_nonnull(options);
    g_assert_cmpuint(strlen(options), <=, VGPU_STUB_QUEUE_REQUEST_MAX);
}

static cl_int make(cl_program program, cl_program_binary_type type,
                   cl_int failure)
{
    const bool fails = luck(8);

    object_check(program, PROGRAM);
    g_assert_nonnull(program->source);
    program->type = fails ? CL_PROGRAM_BINARY_TYPE_NONE : type;
    program->status = fails ? CL_BUILD_ERROR : CL_BUILD_SUCCESS;
    return fails ? failure : CL_SUCCESS;
}

static cl_int build(cl_program program, cl_uint count,
                    const cl_device_id *devices, const char *options,
                    void (*notify)(cl_program, void *), void *opaque)
{
    check_device(devices[0]);
    check_options(options);
    g_assert_true(count == 1 && notify == NULL && opaque == NULL);
    /* PoCL does not survive that where there are kernels; others may not. */
    g_assert_cmpuint(program->base.references, ==, 1);
    return make(program, CL_PROGRAM_BINARY_TYPE_EXECUTABLE,
                CL_BUILD_PROGRAM_FAILURE);
}

static cl_int compile(cl_program program, cl_uint count,
                      const cl_device_id *devices, const char *options,
                      cl_uint header_count, const cl_program *headers,
                      const char **names,
                      void (*notify)(cl_program, void *), void *opaque)
{
    check_device(devices[0]);
    check_options(options);
    g_assert_true(count == 1 && notify == NULL && opaque == NULL);
    g_assert_cmpuint(program->base.references, ==, 1);
    for (cl_uint i = 0; i < header_count; i++) {
        object_check(headers[i], PROGRAM);
        g_assert_nonnull(headers[i]->source);
        g_assert_cmpuint(strlen(names[i]), >, 0);
    }
    return make(program, CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT,
                CL_COMPILE_PROGRAM_FAILURE);
}

static cl_program link(cl_context context, cl_uint count,
                       const cl_device_id *devices, const char *options,
                       cl_uint input_count, const cl_program *inputs,
                       void (*notify)(cl_program, void *), void *opaque,
                       cl_int *status)
{
    cl_program program;

    check_context(context);
    check_device(devices[0]);
    check_options(options);
    g_assert_true(count == 1 && notify == NULL && opaque == NULL);
    g_assert_cmpuint(input_count, >, 0);
    for (cl_uint i = 0; i < input_count; i++) {
        object_check(inputs[i], PROGRAM);
        g_assert_true(
            inputs[i]->type == CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT ||
            inputs[i]->type == CL_PROGRAM_BINARY_TYPE_LIBRARY);
    }
    if (!makes(status, luck(2) ? CL_INVALID_LINKER_OPTIONS
                               : CL_LINK_PROGRAM_FAILURE)) {
        return NULL;
    }
    program = program_new();
    program->type = strstr(options, "-create-library") != NULL
                    ? CL_PROGRAM_BINARY_TYPE_LIBRARY
                    : CL_PROGRAM_BINARY_TYPE_EXECUTABLE;
    program->status = luck(8) ? CL_BUILD_ERROR : CL_BUILD_SUCCESS;
    if (program->status == CL_BUILD_ERROR) {
        program->type = CL_PROGRAM_BINARY_TYPE_NONE;
        *status = CL_LINK_PROGRAM_FAILURE;
    }
    return program;
}

static cl_int get_info(cl_program program, cl_program_info param, size_t size,
                       void *value, size_t *needed)
{
    static const char names[] = "first;second";

    object_check(program, PROGRAM);
    switch (param) {
    case CL_PROGRAM_KERNEL_NAMES:
        g_assert_cmpint(program->type, ==, CL_PROGRAM_BINARY_TYPE_EXECUTABLE);
        return luck(64) ? CL_OUT_OF_RESOURCES
                        : answer(names, sizeof(names), size, value, needed);
    case CL_PROGRAM_SOURCE:
        return answer(program->source != NULL ? program->source : "",
                      program->length + 1, size, value, needed);
    }
    return CL_INVALID_VALUE;
}

static cl_int get_build_info(cl_program program, cl_device_id device,
                             cl_program_build_info param, size_t size,
                             void *value, size_t *needed)
{
    static const char log[] = "nothing was compiled";

    object_check(program, PROGRAM);
    check_device(device);
    switch (param) {
    case CL_PROGRAM_BUILD_LOG:
        return luck(64) ? CL_OUT_OF_HOST_MEMORY
                        : answer(log, sizeof(log), size, value, needed);
    case CL_PROGRAM_BUILD_STATUS:
        return answer(&program->status, sizeof(program->status), size, value,
                      needed);
    }
    return CL_INVALID_VALUE;
}

static cl_int release(cl_program program)
{
    return object_unref(program, PROGRAM);
}

void fill_programs(OpenclDriver *driver)
{
    driver->clCreateProgramWithSource = create;
    driver->clBuildProgram = build;
    driver->clCompileProgram = compile;
    driver->clLinkProgram = link;
    driver->clGetProgramInfo = get_info;
    driver->clGetProgramBuildInfo = get_build_info;
    driver->clReleaseProgram = release;
}
