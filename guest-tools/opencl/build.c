/*
 * OpenCL in the guest: building programs on the host
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "options.h"
#include "program.h"

/* A build on its way; nothing of it is the program's yet. */
struct build {
    cl_program program;
    struct host *host;
    uint32_t id;
    char *options;              /* the program's own */
    char *host_options;
    cl_build_status status;
    char *log;
    uint8_t *kernels;
    size_t kernels_size;
    size_t num_kernels;
};

/* The program's source on the host, when it is not there yet */
static cl_int upload(struct build *build)
{
    cl_program program = build->program;
    /* A source is never empty there. */
    const bool empty = program->source_length == 0;
    const char *source = empty ? "\n" : program->source;
    const size_t length = empty ? 1 : program->source_length;
    const struct vgpu_stub_cl_program_create create = {
        .id = build->id, .length = length,
    };
    cl_int status = host_call(build->host,
                              HOST_COMMAND(PROGRAM_CREATE, &create), NULL, 0,
                              NULL);

    if (status != CL_SUCCESS) {
        opencl_lock();
        host_id_give(build->host, build->id);
        opencl_unlock();
        return status;
    }
    opencl_lock();
    program->id = build->id;
    opencl_unlock();
    return bulk_upload(build->host, VGPU_STUB_CL_PROGRAM_SOURCE, build->id,
                       source, length);
}

/* What can be read of the build, with a NUL behind it */
static cl_int read_part(const struct build *build, uint32_t what,
                        uint64_t size, uint8_t **bytes)
{
    struct vgpu_stub_cl_program_read part = {
        .program = build->id, .what = what,
    };
    cl_int status = CL_SUCCESS;

    *bytes = size < SIZE_MAX - 1 ? malloc(size + 1) : NULL;
    if (!*bytes) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    (*bytes)[size] = '\0';
    while (status == CL_SUCCESS && part.offset < size) {
        size_t length;

        part.size = size - part.offset < VGPU_STUB_CL_PAYLOAD_MAX
                    ? size - part.offset : VGPU_STUB_CL_PAYLOAD_MAX;
        status = host_call(build->host, HOST_COMMAND(PROGRAM_READ, &part),
                           *bytes + part.offset, part.size, &length);
        if (status == CL_SUCCESS && length != part.size) {
            status = CL_OUT_OF_RESOURCES;
        }
        part.offset += part.size;
    }
    return status;
}

static cl_int read_results(struct build *build,
                           const struct vgpu_stub_cl_build *result)
{
    uint8_t *log = NULL;
    cl_int status = read_part(build, VGPU_STUB_CL_READ_LOG, result->log, &log);

    build->log = (char *)log;
    build->status = result->status;
    if (status == CL_SUCCESS && result->status == CL_BUILD_SUCCESS) {
        status = read_part(build, VGPU_STUB_CL_READ_KERNELS, result->kernels,
                           &build->kernels);
        build->kernels_size = result->kernels;
    }
    if (status == CL_SUCCESS &&
        !program_check_kernels(build->kernels, build->kernels_size,
                               &build->num_kernels)) {
        status = CL_OUT_OF_RESOURCES;
    }
    return status;
}

/* Without the lock */
static cl_int run_build(struct build *build)
{
    const struct vgpu_stub_cl_object object = { .id = build->id };
    struct vgpu_stub_cl_build result = { .status = CL_BUILD_ERROR };
    cl_int status = build->program->id ? CL_SUCCESS : upload(build);

    build->status = CL_BUILD_ERROR;
    if (status == CL_SUCCESS) {
        status = host_call(build->host,
                           HOST_COMMAND_TAIL(PROGRAM_BUILD, &object,
                                             build->host_options,
                                             strlen(build->host_options)),
                           &result, sizeof(result), NULL);
    }
    return status == CL_SUCCESS ? read_results(build, &result) : status;
}

static cl_int check_devices(cl_program program, cl_uint num_devices,
                            const cl_device_id *devices)
{
    if ((num_devices == 0) != (devices == NULL)) {
        return CL_INVALID_VALUE;
    }
    for (cl_uint i = 0; i < num_devices; i++) {
        if (devices[i] != program->device) {
            return CL_INVALID_DEVICE;
        }
    }
    return CL_SUCCESS;
}

/* With the lock: the program is this build's from now on. */
static cl_int begin(struct build *build, cl_program program,
                    const char *options)
{
    if (program->building || program->attached > 0) {
        return CL_INVALID_OPERATION;
    }
    *build = (struct build) {
        .program = program,
        .host = program->context->host,
        .id = program->id ? program->id
                          : host_id_take(program->context->host),
        .options = strdup(options ? options : ""),
        .host_options = options_for_host(options ? options : ""),
    };
    if (!build->id || !build->options || !build->host_options) {
        if (build->id && !program->id) {
            host_id_give(build->host, build->id);
        }
        free(build->options);
        free(build->host_options);
        return CL_OUT_OF_HOST_MEMORY;
    }
    program->building = true;
    program->status = CL_BUILD_IN_PROGRESS;
    object_use(program);
    return CL_SUCCESS;
}

/* With the lock: what was built is the program's. */
static void finish(struct build *build, cl_int status)
{
    cl_program program = build->program;

    free(build->host_options);
    free(program->options);
    free(program->log);
    free(program->kernels);
    program->options = build->options;
    program->log = build->log;
    program->kernels = build->kernels;
    program->kernels_size = build->kernels_size;
    program->num_kernels = build->num_kernels;
    program->status = status == CL_SUCCESS ? build->status : CL_BUILD_ERROR;
    program->binary_type = program->status == CL_BUILD_SUCCESS
                           ? CL_PROGRAM_BINARY_TYPE_EXECUTABLE
                           : CL_PROGRAM_BINARY_TYPE_NONE;
    program->building = false;
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

/* The build ends before this returns, also where it could go on behind it. */
cl_int CL_API_CALL clBuildProgram(
    cl_program program, cl_uint num_devices, const cl_device_id *devices,
    const char *options, void (CL_CALLBACK *function)(cl_program, void *),
    void *user_data)
{
    struct build build;
    cl_int status = CL_INVALID_PROGRAM;

    opencl_lock();
    if (object_is(program, OBJECT_PROGRAM)) {
        status = !function && user_data
                 ? CL_INVALID_VALUE
                 : check_devices(program, num_devices, devices);
    }
    if (status == CL_SUCCESS) {
        status = begin(&build, program, options);
    }
    opencl_unlock();
    if (status != CL_SUCCESS) {
        return status;
    }
    status = run_build(&build);
    opencl_lock();
    finish(&build, status);
    if (status == CL_SUCCESS && program->status != CL_BUILD_SUCCESS) {
        status = CL_BUILD_PROGRAM_FAILURE;
    }
    if (function && (status == CL_SUCCESS ||
                     status == CL_BUILD_PROGRAM_FAILURE)) {
        status = tell(program, function, user_data);
    }
    object_unuse(program);
    opencl_unlock();
    return status;
}
