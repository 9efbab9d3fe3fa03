/*
 * OpenCL in the guest: making kernels
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"

static void kernel_end(void *object)
{
    struct _cl_kernel *kernel = object;

    if (kernel->id) {
        host_object_release(kernel->context->host, kernel->id);
    }
    for (uint32_t i = 0; i < kernel->description->arguments; i++) {
        if (kernel->set) {
            argument_replace(&kernel->set[i], NULL);
        }
        if (kernel->sent) {
            argument_replace(&kernel->sent[i], NULL);
        }
    }
    free(kernel->set);
    free(kernel->sent);
    free(kernel->value_sizes);
    kernel->program->attached--;
    object_unuse(kernel->program);
    object_unuse(kernel->context);
}

/* With the lock: one without its counterpart on the host; NULL: no memory */
static cl_kernel kernel_new(cl_program program,
                            const struct vgpu_stub_cl_kernel *description)
{
    struct _cl_kernel *kernel = object_new(OBJECT_KERNEL, sizeof(*kernel),
                                           kernel_end);
    const size_t count = description->arguments + 1;    /* never none */

    if (!kernel) {
        return NULL;
    }
    kernel->context = program->context;
    kernel->program = program;
    kernel->description = description;
    kernel->set = calloc(count, sizeof(*kernel->set));
    kernel->sent = calloc(count, sizeof(*kernel->sent));
    kernel->value_sizes = calloc(count, sizeof(*kernel->value_sizes));
    program->attached++;
    object_use(program);
    object_use(program->context);
    return kernel;
}

static struct remote_command *create_command(const struct _cl_kernel *kernel,
                                             uint32_t id)
{
    const struct vgpu_stub_cl_kernel_create create = {
        .id = id, .program = kernel->program->id,
    };

    return HOST_COMMAND_TAIL(KERNEL_CREATE, &create,
                             program_kernel_name(kernel->description),
                             kernel->description->name_length);
}

static struct remote_command *query_command(uint32_t id, cl_uint name)
{
    const struct vgpu_stub_cl_query query = { .object = id, .param = name };

    return HOST_COMMAND(KERNEL_INFO, &query);
}

/* Without the lock: have it made, and ask for its limits, all at once. */
static cl_int make_on_host(cl_kernel kernel, uint32_t id)
{
    struct host *host = kernel->context->host;
    struct kernel_limits *limits = &kernel->limits;
    struct host_call create = { .size = 0 };
    struct host_call size = {
        .payload = &limits->work_group_size,
        .size = sizeof(limits->work_group_size),
    };
    struct host_call compile = {
        .payload = limits->compile_work_group_size,
        .size = sizeof(limits->compile_work_group_size),
    };

    host_call_put(host, &create, create_command(kernel, id));
    host_call_put(host, &size, query_command(id, CL_KERNEL_WORK_GROUP_SIZE));
    host_call_put(host, &compile,
                  query_command(id, CL_KERNEL_COMPILE_WORK_GROUP_SIZE));
    host_call_wait(host, &compile);
    host_call_wait(host, &size);
    return host_call_wait(host, &create);
}

/* Returns NULL with *@status. @index: of the program's kernels */
static cl_kernel create(cl_program program, size_t index, cl_int *status)
{
    const struct vgpu_stub_cl_kernel *description = program_kernel(program,
                                                                   index);
    cl_kernel kernel;
    uint32_t id = 0;

    if (description->name_length > VGPU_STUB_CL_NAME_MAX) {
        *status = CL_OUT_OF_RESOURCES;
        return NULL;
    }
    opencl_lock();
    kernel = kernel_new(program, description);
    if (kernel && kernel->set && kernel->sent && kernel->value_sizes) {
        id = host_id_take(program->context->host);
    }
    opencl_unlock();
    *status = id ? make_on_host(kernel, id) : CL_OUT_OF_HOST_MEMORY;
    opencl_lock();
    if (*status == CL_SUCCESS) {
        kernel->id = id;
    } else if (id) {
        host_id_give(program->context->host, id);
    }
    opencl_unlock();
    if (kernel && *status != CL_SUCCESS) {
        clReleaseKernel(kernel);
        return NULL;
    }
    return kernel;
}

/* With the lock: its number in the program, or num_kernels */
static size_t find_kernel(cl_program program, const char *name)
{
    size_t i = 0;

    for (; i < program->num_kernels; i++) {
        const struct vgpu_stub_cl_kernel *kernel = program_kernel(program, i);

        if (kernel->name_length == strlen(name) &&
            memcmp(program_kernel_name(kernel), name,
                   kernel->name_length) == 0) {
            break;
        }
    }
    return i;
}

/* With the lock: can kernels be made of it? Then it is in use. */
static cl_int begin(cl_program program)
{
    if (!object_is(program, OBJECT_PROGRAM)) {
        return CL_INVALID_PROGRAM;
    }
    if (!program_is_executable(program)) {
        return CL_INVALID_PROGRAM_EXECUTABLE;
    }
    /* Nobody builds it anew meanwhile. */
    program->attached++;
    object_use(program);
    return CL_SUCCESS;
}

static void end(cl_program program)
{
    opencl_lock();
    program->attached--;
    object_unuse(program);
    opencl_unlock();
}

cl_kernel CL_API_CALL clCreateKernel(cl_program program, const char *name,
                                     cl_int *errcode_ret)
{
    cl_kernel kernel = NULL;
    size_t index = 0;
    cl_int status;

    program_build_binary(program);
    opencl_lock();
    status = begin(program);
    opencl_unlock();
    if (status == CL_SUCCESS) {
        if (name) {
            index = find_kernel(program, name);
            status = index < program->num_kernels ? CL_SUCCESS
                                                  : CL_INVALID_KERNEL_NAME;
        } else {
            status = CL_INVALID_VALUE;
        }
        if (status == CL_SUCCESS) {
            kernel = create(program, index, &status);
        }
        end(program);
    }
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return kernel;
}

static cl_int create_all(cl_program program, cl_kernel *kernels)
{
    cl_int status = CL_SUCCESS;
    size_t i = 0;

    for (; status == CL_SUCCESS && i < program->num_kernels; i++) {
        kernels[i] = create(program, i, &status);
    }
    while (status != CL_SUCCESS && i-- > 0) {
        if (kernels[i]) {
            clReleaseKernel(kernels[i]);
        }
    }
    return status;
}

cl_int CL_API_CALL clCreateKernelsInProgram(cl_program program, cl_uint count,
                                            cl_kernel *kernels,
                                            cl_uint *num_kernels)
{
    cl_int status;

    program_build_binary(program);
    opencl_lock();
    status = begin(program);
    opencl_unlock();
    if (status != CL_SUCCESS) {
        return status;
    }
    if (kernels && count < program->num_kernels) {
        status = CL_INVALID_VALUE;
    } else if (kernels) {
        status = create_all(program, kernels);
    }
    if (status == CL_SUCCESS && num_kernels) {
        *num_kernels = program->num_kernels;
    }
    end(program);
    return status;
}

/* With the arguments as they are */
cl_kernel CL_API_CALL clCloneKernel(cl_kernel source, cl_int *errcode_ret)
{
    cl_kernel kernel = NULL;
    cl_int status = CL_INVALID_KERNEL;

    opencl_lock();
    if (object_is(source, OBJECT_KERNEL)) {
        object_use(source);
        status = CL_SUCCESS;
    }
    opencl_unlock();
    if (status == CL_SUCCESS) {
        const char *name = program_kernel_name(source->description);
        char *text = strndup(name, source->description->name_length);

        kernel = text ? clCreateKernel(source->program, text, &status) : NULL;
        free(text);
        opencl_lock();
        for (uint32_t i = 0; kernel && i < source->description->arguments;
             i++) {
            argument_replace(&kernel->set[i], source->set[i]);
        }
        object_unuse(source);
        opencl_unlock();
    }
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return kernel;
}

cl_int CL_API_CALL clRetainKernel(cl_kernel kernel)
{
    return object_retain(kernel, OBJECT_KERNEL, CL_INVALID_KERNEL);
}

cl_int CL_API_CALL clReleaseKernel(cl_kernel kernel)
{
    return object_release(kernel, OBJECT_KERNEL, CL_INVALID_KERNEL);
}
