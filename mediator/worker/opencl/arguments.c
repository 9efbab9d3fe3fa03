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
#include "images.h"
#include "kernels.h"
#include "samplers.h"

#include <string.h>

#include "origins.h"

/* The size at which a value could be a pointer */
#define POINTER sizeof(cl_sampler)

/*
 * A value of more bytes counts in the VM's memory by itself, for the most that
 * there can be: the driver keeps a copy.
 */
#define SMALL_VALUE 64
#define LARGE_COST 4096

/* No program can have this name mean anything else. */
#define SAMPLER "sampler_t"

/* Of OpenCL 2.0: CL_KERNEL_ARG_TYPE_PIPE */
#define TYPE_PIPE (1u << 3)

/* The type of image that an argument takes; 0: it has a name of the guest's */
static cl_mem_object_type image_type(const char *name)
{
#define TYPE(name, type) { name, CL_MEM_OBJECT_##type },
    static const struct {
        const char *name;
        cl_mem_object_type type;
    } types[] = {
        VGPU_STUB_CL_IMAGE_NAMES(TYPE)
    };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_equal(name, types[i].name)) {
            return types[i].type;
        }
    }
    return 0;
}

/* An argument that is declared with an access qualifier: perhaps a pipe */
static ClTakes image_or_nothing(cl_kernel kernel, cl_uint index)
{
    cl_kernel_arg_type_qualifier qualifiers;

    return cl.clGetKernelArgInfo(kernel, index, CL_KERNEL_ARG_TYPE_QUALIFIER,
                                 sizeof(qualifiers), &qualifiers,
                                 NULL) == CL_SUCCESS &&
           (qualifiers & TYPE_PIPE) == 0 ? CL_TAKES_IMAGE : CL_TAKES_NOTHING;
}

static ClTakes find_kind(cl_kernel kernel, cl_uint index)
{
    cl_kernel_arg_address_qualifier space;
    cl_kernel_arg_access_qualifier access;

    if (cl.clGetKernelArgInfo(kernel, index, CL_KERNEL_ARG_ADDRESS_QUALIFIER,
                              sizeof(space), &space, NULL) != CL_SUCCESS ||
        cl.clGetKernelArgInfo(kernel, index, CL_KERNEL_ARG_ACCESS_QUALIFIER,
                              sizeof(access), &access, NULL) != CL_SUCCESS) {
        return CL_TAKES_NOTHING;
    }
    if (access != CL_KERNEL_ARG_ACCESS_NONE) {
        return image_or_nothing(kernel, index);
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

void cl_argument_find(ClArgument *argument, cl_kernel kernel, cl_uint index)
{
    g_autofree char *name = cl_argument_text(kernel, index,
                                             CL_KERNEL_ARG_TYPE_NAME);

    argument->takes = find_kind(kernel, index);
    if (name == NULL) {
        return;
    }
    if (argument->takes == CL_TAKES_IMAGE) {
        argument->image = image_type(name);
    } else if (argument->takes == CL_TAKES_UNKNOWN &&
               g_str_equal(name, SAMPLER)) {
        argument->takes = CL_TAKES_SAMPLER;
    }
}

/*
 * Whether the argument is a value, or what the driver may take for a pointer: a
 * sampler that has another name is given nothing. That takes the compiler, which
 * a value that is too large or too small to be a pointer does not need.
 */
static void find_out(ClKernel *kernel, cl_uint index)
{
    g_autofree char *type = cl_argument_text(kernel->kernel, index,
                                             CL_KERNEL_ARG_TYPE_NAME);

    kernel->arguments[index].takes =
        type != NULL && cl_program_type_is_plain(kernel->program, type)
        ? CL_TAKES_VALUE : CL_TAKES_NOTHING;
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

/* @handle: where the driver's is, or NULL */
static cl_int give_object(ClKernel *kernel, cl_uint index, uint32_t id,
                          const ClObject *object, const void *handle)
{
    ClArgument *argument = &kernel->arguments[index];
    const cl_int status = cl.clSetKernelArg(kernel->kernel, index, POINTER,
                                            handle);

    if (status == CL_SUCCESS) {
        argument->object = id;
        argument->serial = object == NULL ? 0 : object->serial;
    }
    return status;
}

/* What has that id is not what the argument takes: is it memory at all? */
static cl_int refuse_memory(const ClSession *session, uint32_t id)
{
    return cl_buffer_find(session, id) != NULL ||
           cl_image_find(session, id) != NULL
           ? CL_INVALID_ARG_VALUE : CL_INVALID_MEM_OBJECT;
}

static cl_int set_buffer(ClSession *session, ClKernel *kernel, cl_uint index,
                         uint32_t id)
{
    const ClBuffer *buffer = cl_buffer_find(session, id);

    if (id == 0) {
        return give_object(kernel, index, 0, NULL, NULL);
    }
    return buffer == NULL ? refuse_memory(session, id)
                          : give_object(kernel, index, id, &buffer->base,
                                        &buffer->memory);
}

static cl_int set_image(ClSession *session, ClKernel *kernel, cl_uint index,
                        uint32_t id)
{
    const cl_mem_object_type wanted = kernel->arguments[index].image;
    const ClImage *image = cl_image_find(session, id);

    if (image == NULL) {
        return refuse_memory(session, id);
    }
    return wanted != 0 && wanted != image->type
           ? CL_INVALID_ARG_VALUE
           : give_object(kernel, index, id, &image->base, &image->memory);
}

static cl_int set_sampler(ClSession *session, ClKernel *kernel, cl_uint index,
                          uint32_t id)
{
    const ClSampler *sampler = cl_sampler_find(session, id);

    return sampler == NULL ? CL_INVALID_SAMPLER
                           : give_object(kernel, index, id, &sampler->base,
                                         &sampler->sampler);
}

static cl_int set_object(ClSession *session, ClKernel *kernel, cl_uint index,
                         uint32_t id)
{
    switch (kernel->arguments[index].takes) {
    case CL_TAKES_BUFFER:
        return set_buffer(session, kernel, index, id);
    case CL_TAKES_IMAGE:
        return set_image(session, kernel, index, id);
    case CL_TAKES_SAMPLER:
        return set_sampler(session, kernel, index, id);
    default:
        return CL_INVALID_ARG_VALUE;
    }
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
    return set_object(session, kernel, wanted->index, wanted->object);
}
