/*
 * What a kernel is called with: is what a guest gives what it takes?
 *
 * This has to be exact: a driver takes what it is given for a buffer, an image
 * or a sampler as a pointer into this process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "buffers.h"
#include "descriptions.h"
#include "kernels.h"

#include <string.h>

#include "worker/opencl-types.h"

/* The size at which a value could be a pointer */
#define POINTER sizeof(cl_sampler)

/*
 * A value of more bytes counts in the VM's memory by itself, for the most that
 * there can be: the driver keeps a copy.
 */
#define SMALL_VALUE 64
#define LARGE_COST 4096

ClTakes cl_argument_takes(cl_kernel kernel, cl_uint index)
{
    cl_kernel_arg_address_qualifier space;
    cl_kernel_arg_access_qualifier access;

    if (cl.clGetKernelArgInfo(kernel, index, CL_KERNEL_ARG_ADDRESS_QUALIFIER,
                              sizeof(space), &space, NULL) != CL_SUCCESS ||
        cl.clGetKernelArgInfo(kernel, index, CL_KERNEL_ARG_ACCESS_QUALIFIER,
                              sizeof(access), &access, NULL) != CL_SUCCESS) {
        /* It can be given nothing, then. */
        return CL_TAKES_IMAGE;
    }
    if (access != CL_KERNEL_ARG_ACCESS_NONE) {
        return CL_TAKES_IMAGE;  /* or a pipe */
    }
    switch (space) {
    case CL_KERNEL_ARG_ADDRESS_GLOBAL:
    case CL_KERNEL_ARG_ADDRESS_CONSTANT:
        return CL_TAKES_BUFFER;
    case CL_KERNEL_ARG_ADDRESS_LOCAL:
        return CL_TAKES_LOCAL;
    }
    return CL_TAKES_UNKNOWN;
}

/*
 * Whether the argument is a value or a sampler. That takes the compiler, which
 * a value that is too large or too small to be a pointer does not need.
 */
static void find_out(ClKernel *kernel, cl_uint index)
{
    const ClProgram *program = kernel->program;
    g_autofree char *type = cl_argument_text(kernel->kernel, index,
                                             CL_KERNEL_ARG_TYPE_NAME);

    kernel->arguments[index].takes =
        type != NULL && opencl_type_is_plain(program->session->backend,
                                             program->program,
                                             program->options, type)
        ? CL_TAKES_VALUE : CL_TAKES_SAMPLER;
}

/* Count the value, of @size bytes, once; false when there is no room. */
static bool charge_value(ClKernel *kernel, cl_uint index, size_t size)
{
    ClArgument *argument = &kernel->arguments[index];

    if (size <= SMALL_VALUE || argument->large) {
        return true;
    }
    if (!memory_charge(kernel->program->session->memory, LARGE_COST, NULL)) {
        return false;
    }
    argument->large = true;
    kernel->cost += LARGE_COST;
    return true;
}

static cl_int set_value(ClKernel *kernel, cl_uint index,
                        const ClCommand *command)
{
    ClArgument *argument = &kernel->arguments[index];

    if (argument->takes == CL_TAKES_UNKNOWN && command->length == POINTER) {
        find_out(kernel, index);
    }
    switch (argument->takes) {
    case CL_TAKES_VALUE:
        break;
    case CL_TAKES_UNKNOWN:
        /* No driver takes a sampler of that size. */
        break;
    case CL_TAKES_SAMPLER:
        return CL_INVALID_SAMPLER;
    default:
        return CL_INVALID_ARG_VALUE;
    }
    if (command->length == 0) {
        return CL_INVALID_ARG_SIZE;
    }
    if (!charge_value(kernel, index, command->length)) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    return cl.clSetKernelArg(kernel->kernel, index, command->length,
                             command->data);
}

static cl_int set_local(ClKernel *kernel, cl_uint index, uint64_t size)
{
    ClArgument *argument = &kernel->arguments[index];
    cl_int status;

    if (argument->takes != CL_TAKES_LOCAL) {
        return CL_INVALID_ARG_VALUE;
    }
    if (size == 0) {
        return CL_INVALID_ARG_SIZE;
    }
    status = cl.clSetKernelArg(kernel->kernel, index, size, NULL);
    if (status == CL_SUCCESS) {
        argument->local = size;
    }
    return status;
}

static cl_int set_buffer(ClSession *session, ClKernel *kernel, cl_uint index,
                         uint32_t id)
{
    ClArgument *argument = &kernel->arguments[index];
    const ClBuffer *buffer = cl_buffer_find(session, id);
    cl_int status;

    if (argument->takes != CL_TAKES_BUFFER) {
        return argument->takes == CL_TAKES_SAMPLER ? CL_INVALID_SAMPLER
                                                   : CL_INVALID_ARG_VALUE;
    }
    if (id != 0 && buffer == NULL) {
        return CL_INVALID_MEM_OBJECT;
    }
    status = cl.clSetKernelArg(kernel->kernel, index, sizeof(cl_mem),
                               buffer == NULL ? NULL : &buffer->memory);
    if (status == CL_SUCCESS) {
        argument->buffer = id;
        argument->serial = buffer == NULL ? 0 : buffer->serial;
    }
    return status;
}

cl_int run_KERNEL_ARG(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_kernel_arg *wanted = &command->body.kernel_arg;
    ClKernel *kernel = cl_kernel_find(session, wanted->kernel);

    if (kernel == NULL) {
        return CL_INVALID_KERNEL;
    }
    if (wanted->index >= kernel->count) {
        return CL_INVALID_ARG_INDEX;
    }
    switch (wanted->kind) {
    case VGPU_STUB_CL_ARG_VALUE:
        return set_value(kernel, wanted->index, command);
    case VGPU_STUB_CL_ARG_LOCAL:
        return set_local(kernel, wanted->index, wanted->local);
    }
    return set_buffer(session, kernel, wanted->index, wanted->object);
}
