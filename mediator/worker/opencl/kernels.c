/*
 * Kernels, and what the driver says of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "kernels.h"

#include <string.h>

/*
 * What a kernel counts for in the VM's memory, in bytes: it costs the host, and
 * so does each of its arguments, whose number the guest chooses.
 */
#define KERNEL_COST 4096
#define ARGUMENT_COST 128

/*
 * Bytes of a kernel's name, at most: drivers call files by it, to whose names
 * they add something (PoCL ends the process where there can be no such file).
 */
#define NAME_MOST 250

ClKernel *cl_kernel_find(const ClSession *session, uint32_t id)
{
    return (ClKernel *)cl_objects_find(session->objects, id, CL_KIND_KERNEL);
}

static void kernel_free(ClObject *object)
{
    ClKernel *kernel = (ClKernel *)object;

    cl.clReleaseKernel(kernel->kernel);
    memory_discharge(kernel->program->session->memory, kernel->cost);
    kernel->program->kernels--;
    cl_object_unref(&kernel->program->base);
    g_free(kernel->arguments);
    g_free(kernel);
}

/* A program can give a kernel any name, by what assemblers call it. */
static bool can_name_file(const char *name)
{
    return strlen(name) <= NAME_MOST && strchr(name, '/') == NULL;
}

/* What it is allowed does not change, as long as no argument is set. */
static cl_int find_limits(ClKernel *kernel, cl_device_id device)
{
    cl_int status = cl.clGetKernelWorkGroupInfo(
        kernel->kernel, device, CL_KERNEL_WORK_GROUP_SIZE,
        sizeof(kernel->group), &kernel->group, NULL);

    if (status == CL_SUCCESS) {
        status = cl.clGetKernelWorkGroupInfo(
            kernel->kernel, device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
            sizeof(kernel->required), kernel->required, NULL);
    }
    if (status == CL_SUCCESS) {
        status = cl.clGetKernelWorkGroupInfo(
            kernel->kernel, device, CL_KERNEL_LOCAL_MEM_SIZE,
            sizeof(kernel->local), &kernel->local, NULL);
    }
    return status;
}

static cl_int find_arguments(ClKernel *kernel)
{
    const cl_int status = cl.clGetKernelInfo(
        kernel->kernel, CL_KERNEL_NUM_ARGS, sizeof(kernel->count),
        &kernel->count, NULL);

    uint64_t cost;

    if (status != CL_SUCCESS) {
        return status;
    }
    cost = KERNEL_COST + (uint64_t)kernel->count * ARGUMENT_COST;
    if (!memory_charge(kernel->program->session->memory, cost, NULL)) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    kernel->cost = cost;
    kernel->arguments = g_new0(ClArgument, kernel->count);
    for (cl_uint i = 0; i < kernel->count; i++) {
        cl_argument_find(&kernel->arguments[i], kernel->kernel, i);
    }
    return CL_SUCCESS;
}

/* Takes over @made. */
static cl_int kernel_add(ClSession *session, uint32_t id, cl_kernel made,
                         ClProgram *program)
{
    ClKernel *kernel = g_new0(ClKernel, 1);
    cl_int status;

    cl_object_init(&kernel->base, CL_KIND_KERNEL, kernel_free);
    cl_object_ref(&program->base);
    program->kernels++;
    kernel->program = program;
    kernel->kernel = made;
    status = find_limits(kernel, session->backend->device);
    if (status == CL_SUCCESS) {
        status = find_arguments(kernel);
    }
    if (status == CL_SUCCESS) {
        cl_objects_add(session->objects, id, &kernel->base);
    } else {
        cl_object_unref(&kernel->base);
    }
    return status;
}

cl_int run_KERNEL_CREATE(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_kernel_create *wanted =
        &command->body.kernel_create;
    ClProgram *program = cl_program_find(session, wanted->program);
    g_autofree char *name = g_strndup((const char *)command->data,
                                      command->length);
    cl_kernel kernel;
    cl_int status;

    if (program == NULL) {
        return CL_INVALID_PROGRAM;
    }
    if (!cl_objects_is_free(session->objects, wanted->id)) {
        return CL_INVALID_VALUE;
    }
    if (program->type != CL_PROGRAM_BINARY_TYPE_EXECUTABLE) {
        return CL_INVALID_PROGRAM_EXECUTABLE;
    }
    if (strlen(name) != command->length) {
        return CL_INVALID_KERNEL_NAME;
    }
    kernel = cl.clCreateKernel(program->program, name, &status);
    if (kernel == NULL) {
        return status;
    }
    if (!can_name_file(name)) {
        cl.clReleaseKernel(kernel);
        return CL_OUT_OF_RESOURCES;
    }
    return kernel_add(session, wanted->id, kernel, program);
}

/* --- Questions --- */

cl_int run_KERNEL_INFO(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_query *query = &command->body.query;
    const cl_device_id device = session->backend->device;
    const ClKernel *kernel = cl_kernel_find(session, query->object);
    size_t size = 0;
    cl_int status;
    void *value;

    if (kernel == NULL) {
        return CL_INVALID_KERNEL;
    }
    status = cl.clGetKernelWorkGroupInfo(kernel->kernel, device, query->param,
                                         0, NULL, &size);
    if (status != CL_SUCCESS) {
        return status;
    }
    value = cl_answer_payload(&session->answer, size);
    return value == NULL ? CL_NO_ROOM
                         : cl.clGetKernelWorkGroupInfo(
                               kernel->kernel, device, query->param, size,
                               value, NULL);
}

cl_int run_KERNEL_SUB_GROUP_INFO(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_query *query = &command->body.query;
    const cl_device_id device = session->backend->device;
    const ClKernel *kernel = cl_kernel_find(session, query->object);
    size_t input[3] = { 0 };
    size_t size = 0;
    cl_int status;
    void *value;

    if (kernel == NULL) {
        return CL_INVALID_KERNEL;
    }
    if (cl.clGetKernelSubGroupInfo == NULL) {
        return CL_INVALID_OPERATION;
    }
    memcpy(input, command->data, command->length);
    status = cl.clGetKernelSubGroupInfo(kernel->kernel, device, query->param,
                                        command->length, input, 0, NULL,
                                        &size);
    if (status != CL_SUCCESS) {
        return status;
    }
    value = cl_answer_payload(&session->answer, size);
    return value == NULL ? CL_NO_ROOM
                         : cl.clGetKernelSubGroupInfo(
                               kernel->kernel, device, query->param,
                               command->length, input, size, value, NULL);
}
