/*
 * OpenCL in the guest: building programs on the host
 *
 * SPDX-License-Identifier: MIT
 */
#include "build.h"

#include <stdlib.h>
#include <string.h>

#include "flatten.h"
#include "options.h"

cl_int build_check(cl_program program, cl_uint num_devices,
                   const cl_device_id *devices, build_function function,
                   const void *user_data)
{
    if ((!function && user_data) ||
        (num_devices == 0) != (devices == NULL)) {
        return CL_INVALID_VALUE;
    }
    for (cl_uint i = 0; i < num_devices; i++) {
        if (devices[i] != program->device) {
            return CL_INVALID_DEVICE;
        }
    }
    return CL_SUCCESS;
}

cl_int build_begin(struct build *build, cl_program program,
                   const char *options, cl_int failure, cl_int refused)
{
    if (program->building || program->attached > 0) {
        return CL_INVALID_OPERATION;
    }
    *build = (struct build) {
        .program = program,
        .host = program->context->host,
        .options = strdup(options ? options : ""),
        .failure = failure,
        .refused = refused,
        .made.status = CL_BUILD_ERROR,
    };
    if (!build->options) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    program->building = true;
    program->status = CL_BUILD_IN_PROGRESS;
    object_use(program);
    return CL_SUCCESS;
}

/* --- Sources --- */

static cl_int fail(struct build *build, const char *why)
{
    free(build->made.log);
    build->made.log = strdup(why);
    return build->failure;
}

/* What the host is to compile; NULL with the status of an error */
static char *host_text(struct build *build, const struct search *search,
                       size_t *length, cl_int *status)
{
    cl_program program = build->program;
    char *text = NULL;

    *length = program->source_length;
    *status = *length <= VGPU_STUB_CL_SOURCE_MAX ? CL_SUCCESS
                                                 : CL_INVALID_VALUE;
    if (*status != CL_SUCCESS) {
        return NULL;
    }
    if (flatten_is_needed(program->source, *length)) {
        *status = flatten(build->host, search, program->source, length, &text);
    } else {
        text = malloc(*length + 1);
        *status = text ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
        if (text) {
            memcpy(text, program->source, *length);
        }
    }
    return text;
}

static cl_int source_error(struct build *build, cl_int status)
{
    switch (status) {
    case CL_INVALID_VALUE:
        return fail(build, "vgpu-stub: the source has more than 16 MiB with "
                    "what it includes, or it includes itself without end\n");
    case CL_BUILD_PROGRAM_FAILURE:
        return fail(build, "vgpu-stub: the host's compiler does not say which "
                    "macros it has, which conditions of includes look at\n");
    case CL_INVALID_BUILD_OPTIONS:
        return build->refused;
    case CL_OUT_OF_HOST_MEMORY:
        fail(build, "vgpu-stub: there is no memory, or no file can be made in "
             "TMPDIR (else /tmp), which it takes to find what the source "
             "includes\n");
        return status;
    default:
        return status;
    }
}

cl_int build_take_source(struct build *build, cl_program_binary_type type,
                         const struct header *headers, size_t num_headers)
{
    const struct search search = {
        .options = build->options, .headers = headers,
        .num_headers = num_headers,
    };
    char *options = options_for_host(build->options);
    char *text = NULL;
    size_t length;
    cl_int status = CL_SUCCESS;

    if (options && strlen(options) > RECIPE_OPTIONS_MAX) {
        fail(build, "vgpu-stub: there are more than 60 KiB of options\n");
        status = CL_INVALID_BUILD_OPTIONS;
    }
    if (status == CL_SUCCESS) {
        text = host_text(build, &search, &length, &status);
    }
    if (status != CL_SUCCESS) {
        free(options);
        return source_error(build, status);
    }
    build->recipe = recipe_of_source(type, options, text, length);
    return build->recipe ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
}

/* --- The end --- */

/* With the lock: what was made is the program's. */
static void take_over(struct build *build, cl_int status)
{
    cl_program program = build->program;
    const bool good = status == CL_SUCCESS;

    if (program->id) {
        host_object_release(build->host, program->id);
    }
    recipe_unuse(program->recipe);
    free(program->options);
    free(program->log);
    free(program->kernels);
    program->id = build->made.id;
    program->recipe = build->recipe;
    program->options = build->options;
    program->log = build->made.log;
    program->kernels = build->made.kernels;
    program->kernels_size = build->made.kernels_size;
    program->num_kernels = build->made.num_kernels;
    program->status = good ? CL_BUILD_SUCCESS : CL_BUILD_ERROR;
    program->binary_type = good ? build->recipe->type
                                : CL_PROGRAM_BINARY_TYPE_NONE;
    program->building = false;
}

/* With the lock: of what has failed, the log is left. */
static void forget(struct build *build)
{
    char *log = build->made.log;

    build->made.log = NULL;
    opencl_unlock();
    made_clear(build->host, &build->made);
    opencl_lock();
    build->made.log = log;
    recipe_unuse(build->recipe);
    build->recipe = NULL;
}

static void call_function(struct callback *callback)
{
    void (CL_CALLBACK *function)(cl_program, void *) = callback->function;

    function(callback->object, callback->user_data);
}

/* With the lock: whoever has given a function is told by that. */
static cl_int tell(cl_program program, void *function, void *user_data)
{
    struct callback *callback = callback_new(call_function, function,
                                             user_data);

    if (!callback) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    callback->object = program;
    callback->leave = object_unuse;
    object_use(program);
    callback_put(callback);
    return CL_SUCCESS;
}

cl_int build_end(struct build *build, cl_int status, build_function function,
                 void *user_data)
{
    opencl_lock();
    if (status != CL_SUCCESS) {
        forget(build);
    }
    take_over(build, status);
    if (function && (status == CL_SUCCESS || status == build->failure) &&
        tell(build->program, function, user_data) != CL_SUCCESS) {
        status = CL_OUT_OF_HOST_MEMORY;
    }
    object_unuse(build->program);
    opencl_unlock();
    return status;
}

/* --- Building --- */

/* With the lock: can it be built? */
static cl_int check_kind(cl_program program)
{
    if (program->binary) {
        return program->binary->type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE
               ? CL_SUCCESS : CL_INVALID_BINARY;
    }
    return program->source ? CL_SUCCESS : CL_INVALID_OPERATION;
}

/* With the lock: what a binary makes is always the same. */
static bool is_built(cl_program program)
{
    return program->binary && program->status == CL_BUILD_SUCCESS;
}

/* The build's program is NULL when there is nothing to do. */
static cl_int begin(struct build *build, cl_program program,
                    cl_uint num_devices, const cl_device_id *devices,
                    const char *options, build_function function,
                    void *user_data)
{
    cl_int status = CL_INVALID_PROGRAM;

    *build = (struct build) { .program = NULL };
    opencl_lock();
    if (object_is(program, OBJECT_PROGRAM)) {
        status = build_check(program, num_devices, devices, function,
                             user_data);
    }
    if (status == CL_SUCCESS) {
        status = check_kind(program);
    }
    if (status == CL_SUCCESS && !is_built(program)) {
        status = build_begin(build, program, options, CL_BUILD_PROGRAM_FAILURE,
                             CL_INVALID_BUILD_OPTIONS);
    } else if (status == CL_SUCCESS && function) {
        status = tell(program, function, user_data);
    }
    opencl_unlock();
    return status;
}

/* Some step of a link, which the program does not know of, has failed. */
static cl_int of_a_build(cl_int status)
{
    return status == CL_COMPILE_PROGRAM_FAILURE ||
           status == CL_LINK_PROGRAM_FAILURE ? CL_BUILD_PROGRAM_FAILURE
                                             : status;
}

/* The build ends before this returns, also where it could go on behind it. */
cl_int CL_API_CALL clBuildProgram(
    cl_program program, cl_uint num_devices, const cl_device_id *devices,
    const char *options, void (CL_CALLBACK *function)(cl_program, void *),
    void *user_data)
{
    struct build build;
    cl_int status = begin(&build, program, num_devices, devices, options,
                          function, user_data);

    if (status != CL_SUCCESS || !build.program) {
        return status;
    }
    if (program->binary) {
        /* With the options that it was made with */
        build.recipe = recipe_use(program->binary);
    } else {
        status = build_take_source(&build, CL_PROGRAM_BINARY_TYPE_EXECUTABLE,
                                   NULL, 0);
    }
    if (status == CL_SUCCESS) {
        status = of_a_build(make(build.host, build.recipe, &build.made));
    }
    return build_end(&build, status, function, user_data);
}
