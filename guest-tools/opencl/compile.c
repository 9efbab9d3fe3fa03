/*
 * OpenCL in the guest: compiling programs on the host, with headers
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "build.h"

/* With the lock: are they programs with sources, which have names? */
static cl_int check_headers(cl_uint count, const cl_program *headers,
                            const char **names)
{
    if ((count == 0) != (headers == NULL) || (count == 0) != (names == NULL)) {
        return CL_INVALID_VALUE;
    }
    for (cl_uint i = 0; i < count; i++) {
        if (!names[i]) {
            return CL_INVALID_VALUE;
        }
        if (!object_is(headers[i], OBJECT_PROGRAM)) {
            return CL_INVALID_PROGRAM;
        }
        if (!headers[i]->source) {
            return CL_INVALID_OPERATION;
        }
    }
    return CL_SUCCESS;
}

/* With the lock: use them; NULL: no memory. */
static struct header *take_headers(cl_uint count, const cl_program *programs,
                                   const char **names)
{
    struct header *headers = calloc(count + 1, sizeof(*headers));

    for (cl_uint i = 0; headers && i < count; i++) {
        headers[i].name = names[i];
        headers[i].text = programs[i]->source;
        headers[i].length = programs[i]->source_length;
        object_use(programs[i]);
    }
    return headers;
}

static void leave_headers(struct header *headers, cl_uint count,
                          const cl_program *programs)
{
    opencl_lock();
    for (cl_uint i = 0; i < count; i++) {
        object_unuse(programs[i]);
    }
    opencl_unlock();
    free(headers);
}

/* With the lock */
static cl_int begin(struct build *build, cl_program program,
                    const char *options, cl_uint count,
                    const cl_program *programs, const char **names,
                    struct header **headers)
{
    cl_int status = check_headers(count, programs, names);

    if (status != CL_SUCCESS) {
        return status;
    }
    if (!program->source) {
        return CL_INVALID_OPERATION;
    }
    *headers = take_headers(count, programs, names);
    if (!*headers) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    return build_begin(build, program, options, CL_COMPILE_PROGRAM_FAILURE,
                       CL_INVALID_COMPILER_OPTIONS);
}

static cl_int compile(struct build *build, const struct header *headers,
                      cl_uint count)
{
    cl_int status = build_take_source(build,
                                      CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT,
                                      headers, count);

    return status == CL_SUCCESS ? make(build->host, build->recipe,
                                       &build->made)
                                : status;
}

cl_int CL_API_CALL clCompileProgram(
    cl_program program, cl_uint num_devices, const cl_device_id *devices,
    const char *options, cl_uint num_headers, const cl_program *programs,
    const char **names, void (CL_CALLBACK *function)(cl_program, void *),
    void *user_data)
{
    struct header *headers = NULL;
    struct build build;
    cl_int status = CL_INVALID_PROGRAM;

    opencl_lock();
    if (object_is(program, OBJECT_PROGRAM)) {
        status = build_check(program, num_devices, devices, function,
                             user_data);
    }
    if (status == CL_SUCCESS) {
        status = begin(&build, program, options, num_headers, programs, names,
                       &headers);
    }
    opencl_unlock();
    if (status == CL_SUCCESS) {
        status = compile(&build, headers, num_headers);
        status = build_end(&build, status, function, user_data);
    }
    if (headers) {
        leave_headers(headers, num_headers, programs);
    }
    return status;
}
