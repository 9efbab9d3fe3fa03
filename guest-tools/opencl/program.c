/*
 * OpenCL in the guest: programs, and what is asked of them
 *
 * SPDX-License-Identifier: MIT
 */
#include "program.h"

#include <stdlib.h>
#include <string.h>

#include "binary.h"
#include "info.h"

static void program_end(void *object)
{
    struct _cl_program *program = object;

    if (program->id) {
        host_object_release(program->context->host, program->id);
    }
    callback_put_all(&program->destructors, program);
    recipe_unuse(program->recipe);
    recipe_unuse(program->binary);
    free(program->source);
    free(program->options);
    free(program->log);
    free(program->kernels);
    object_unuse(program->context);
}

static size_t string_length(const char *string, const size_t *lengths,
                            cl_uint index)
{
    return lengths && lengths[index] ? lengths[index] : strlen(string);
}

/* The strings in one, with a NUL; NULL: no memory. *@total: bytes */
static char *join(cl_uint count, const char **strings, const size_t *lengths,
                  size_t *total)
{
    size_t done = 0;
    char *source;

    *total = 0;
    for (cl_uint i = 0; i < count; i++) {
        *total += string_length(strings[i], lengths, i);
    }
    source = malloc(*total + 1);
    for (cl_uint i = 0; source && i < count; i++) {
        const size_t length = string_length(strings[i], lengths, i);

        memcpy(source + done, strings[i], length);
        done += length;
    }
    if (source) {
        source[done] = '\0';
    }
    return source;
}

static cl_int check_strings(cl_context context, cl_uint count,
                            const char **strings)
{
    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    if (count == 0 || !strings) {
        return CL_INVALID_VALUE;
    }
    for (cl_uint i = 0; i < count; i++) {
        if (!strings[i]) {
            return CL_INVALID_VALUE;
        }
    }
    return CL_SUCCESS;
}

cl_program program_new(cl_context context, char *source, size_t length)
{
    struct _cl_program *program = object_new(OBJECT_PROGRAM, sizeof(*program),
                                             program_end);

    if (!program) {
        free(source);
        return NULL;
    }
    program->context = context;
    program->num_devices = 1;
    program->device = context->device;
    program->source = source;
    program->source_length = length;
    program->status = CL_BUILD_NONE;
    program->binary_type = CL_PROGRAM_BINARY_TYPE_NONE;
    opencl_lock();
    object_use(context);
    opencl_unlock();
    return program;
}

cl_program CL_API_CALL clCreateProgramWithSource(cl_context context,
                                                 cl_uint count,
                                                 const char **strings,
                                                 const size_t *lengths,
                                                 cl_int *errcode_ret)
{
    cl_int status = check_strings(context, count, strings);
    cl_program program = NULL;
    size_t length = 0;
    char *source;

    if (status == CL_SUCCESS) {
        source = join(count, strings, lengths, &length);
        program = source ? program_new(context, source, length) : NULL;
        status = program ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return program;
}

cl_int CL_API_CALL clRetainProgram(cl_program program)
{
    return object_retain(program, OBJECT_PROGRAM, CL_INVALID_PROGRAM);
}

cl_int CL_API_CALL clReleaseProgram(cl_program program)
{
    return object_release(program, OBJECT_PROGRAM, CL_INVALID_PROGRAM);
}

bool program_is_executable(cl_program program)
{
    return program->status == CL_BUILD_SUCCESS &&
           program->binary_type == CL_PROGRAM_BINARY_TYPE_EXECUTABLE;
}

/* The names of its kernels, with ';' between them */
static cl_int names_info(cl_program program, const struct info *info)
{
    size_t size = 1;
    char *names, *at;
    cl_int status;

    for (size_t i = 0; i < program->num_kernels; i++) {
        size += program_kernel(program, i)->name_length + 1;
    }
    names = at = malloc(size);
    if (!names) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    for (size_t i = 0; i < program->num_kernels; i++) {
        const struct vgpu_stub_cl_kernel *kernel = program_kernel(program, i);

        if (i > 0) {
            *at++ = ';';
        }
        memcpy(at, program_kernel_name(kernel), kernel->name_length);
        at += kernel->name_length;
    }
    *at = '\0';
    status = info_string(info, names);
    free(names);
    return status;
}

static cl_int kernels_info(cl_program program, cl_program_info name,
                           const struct info *info)
{
    if (!program_is_executable(program)) {
        return CL_INVALID_PROGRAM_EXECUTABLE;
    }
    return name == CL_PROGRAM_NUM_KERNELS
           ? INFO_RETURN(info, size_t, program->num_kernels)
           : names_info(program, info);
}

static cl_int program_info(cl_program program, cl_program_info name,
                           const struct info *info)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_PROGRAM_REFERENCE_COUNT, struct _cl_program,
                   object.refs),
        INFO_FIELD(CL_PROGRAM_CONTEXT, struct _cl_program, context),
        INFO_FIELD(CL_PROGRAM_NUM_DEVICES, struct _cl_program, num_devices),
        INFO_FIELD(CL_PROGRAM_DEVICES, struct _cl_program, device),
    };

    switch (name) {
    case CL_PROGRAM_SOURCE:
        return program->source ? info_bytes(info, program->source,
                                            program->source_length + 1)
                               : info_string(info, NULL);
    case CL_PROGRAM_IL:
        return info_bytes(info, NULL, 0);
    case CL_PROGRAM_NUM_KERNELS:
    case CL_PROGRAM_KERNEL_NAMES:
        return kernels_info(program, name, info);
    case CL_PROGRAM_SCOPE_GLOBAL_CTORS_PRESENT:
    case CL_PROGRAM_SCOPE_GLOBAL_DTORS_PRESENT:
        return INFO_RETURN(info, cl_bool, CL_FALSE);
    default:
        return INFO_FIELDS(info, program, fields, name);
    }
}

static bool is_binary(cl_program_info name)
{
    return name == CL_PROGRAM_BINARY_SIZES || name == CL_PROGRAM_BINARIES;
}

cl_int CL_API_CALL clGetProgramInfo(cl_program program, cl_program_info name,
                                    size_t size, void *value, size_t *size_ret)
{
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_PROGRAM;
    struct recipe *recipe = NULL;

    opencl_lock();
    if (object_is(program, OBJECT_PROGRAM)) {
        recipe = recipe_use(program->recipe ? program->recipe
                                            : program->binary);
        status = is_binary(name) ? CL_SUCCESS
                                 : program_info(program, name, &info);
    }
    opencl_unlock();
    if (status == CL_SUCCESS && is_binary(name)) {
        status = binary_info(recipe, name, &info);
    }
    recipe_unuse(recipe);
    return status;
}

static cl_int build_info(cl_program program, cl_program_build_info name,
                         const struct info *info)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_PROGRAM_BUILD_STATUS, struct _cl_program, status),
        INFO_FIELD(CL_PROGRAM_BINARY_TYPE, struct _cl_program, binary_type),
    };

    switch (name) {
    case CL_PROGRAM_BUILD_OPTIONS:
        return info_string(info, program->options);
    case CL_PROGRAM_BUILD_LOG:
        return info_string(info, program->log);
    case CL_PROGRAM_BUILD_GLOBAL_VARIABLE_TOTAL_SIZE:
        return INFO_RETURN(info, size_t, 0);
    default:
        return INFO_FIELDS(info, program, fields, name);
    }
}

cl_int CL_API_CALL clGetProgramBuildInfo(cl_program program,
                                         cl_device_id device,
                                         cl_program_build_info name,
                                         size_t size, void *value,
                                         size_t *size_ret)
{
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_PROGRAM;

    opencl_lock();
    if (object_is(program, OBJECT_PROGRAM)) {
        status = program->device == device ? build_info(program, name, &info)
                                           : CL_INVALID_DEVICE;
    }
    opencl_unlock();
    return status;
}

static void call_destructor(struct callback *callback)
{
    void (CL_CALLBACK *function)(cl_program, void *) = callback->function;

    function(callback->object, callback->user_data);
}

cl_int CL_API_CALL clSetProgramReleaseCallback(
    cl_program program, void (CL_CALLBACK *function)(cl_program, void *),
    void *user_data)
{
    if (!object_is(program, OBJECT_PROGRAM)) {
        return CL_INVALID_PROGRAM;
    }
    return callback_push(&program->destructors, call_destructor,
                         (void *)function, user_data);
}
