/*
 * OpenCL in the guest: kernels' arguments
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "kernel.h"
#include "sampler.h"

/* Bytes of a value: the most that KERNEL_ARG takes */
#define VALUE_MAX 4096

struct argument *argument_new(uint32_t kind, const void *value, size_t size)
{
    struct argument *argument = calloc(1, sizeof(*argument) + size);

    if (argument) {
        argument->uses = 1;
        argument->kind = kind;
        argument->size = size;
        if (size > 0) {
            memcpy(argument->value, value, size);
        }
    }
    return argument;
}

void argument_use(struct argument *argument)
{
    argument->uses++;
}

void argument_unuse(struct argument *argument)
{
    if (--argument->uses == 0) {
        if (argument->object) {
            object_unwatch(argument->object);
        }
        free(argument);
    }
}

void argument_replace(struct argument **place, struct argument *argument)
{
    if (argument) {
        argument_use(argument);
    }
    if (*place) {
        argument_unuse(*place);
    }
    *place = argument;
}

struct remote_command *argument_command(const struct _cl_kernel *kernel,
                                        cl_uint index,
                                        const struct argument *argument)
{
    const struct vgpu_stub_cl_kernel_arg arg = {
        .kernel = kernel->id,
        .index = index,
        .kind = argument->kind,
        .object = argument->id,
        .local = argument->local,
    };

    return HOST_COMMAND_TAIL(KERNEL_ARG, &arg, argument->value,
                             argument->size);
}

/* --- What the program sets --- */

static bool is_type(const struct vgpu_stub_cl_argument *argument,
                    const char *type)
{
    const char *own = (const char *)(argument + 1) + argument->name_length;

    return argument->type_length == strlen(type) &&
           memcmp(own, type, argument->type_length) == 0;
}

/* @object, which has @id on the host, is there; or NULL. */
static cl_int make_object(struct object *object, uint32_t id,
                          struct argument **argument)
{
    *argument = argument_new(VGPU_STUB_CL_ARG_OBJECT, NULL, 0);
    if (*argument && object) {
        object_watch(object);
        (*argument)->object = object;
        (*argument)->id = id;
    }
    return *argument ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
}

/* The memory object at @value: *@mem, or NULL */
static cl_int find_mem(const struct _cl_kernel *kernel, const void *value,
                       size_t size, cl_mem *mem)
{
    *mem = NULL;
    if (size != sizeof(*mem)) {
        return CL_INVALID_ARG_SIZE;
    }
    if (value) {
        memcpy(mem, value, sizeof(*mem));
    }
    return *mem && (!object_is(*mem, OBJECT_MEM) ||
                    (*mem)->context != kernel->context)
           ? CL_INVALID_MEM_OBJECT : CL_SUCCESS;
}

/* Of a pointer to a buffer */
static cl_int make_buffer(const struct _cl_kernel *kernel, const void *value,
                          size_t size, struct argument **argument)
{
    cl_mem mem;
    cl_int status = find_mem(kernel, value, size, &mem);

    if (status == CL_SUCCESS && mem && mem->type != CL_MEM_OBJECT_BUFFER) {
        status = CL_INVALID_ARG_VALUE;
    }
    return status == CL_SUCCESS ? make_object(mem ? &mem->object : NULL,
                                              mem ? mem->id : 0, argument)
                                : status;
}

/* Is the image what the kernel declares? The host looks at the type again. */
static bool image_fits(const struct vgpu_stub_cl_argument *description,
                       const struct _cl_mem *image)
{
#define TYPE(name, type) { name, CL_MEM_OBJECT_##type },
    static const struct {
        const char *name;
        cl_mem_object_type type;
    } types[] = {
        VGPU_STUB_CL_IMAGE_NAMES(TYPE)
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (is_type(description, types[i].name) &&
            types[i].type != image->type) {
            return false;
        }
    }
    return !((description->access != CL_KERNEL_ARG_ACCESS_WRITE_ONLY &&
              (image->flags & CL_MEM_WRITE_ONLY)) ||
             (description->access != CL_KERNEL_ARG_ACCESS_READ_ONLY &&
              (image->flags & CL_MEM_READ_ONLY)));
}

static cl_int make_image(const struct _cl_kernel *kernel,
                         const struct vgpu_stub_cl_argument *description,
                         const void *value, size_t size,
                         struct argument **argument)
{
    cl_mem image;
    cl_int status = find_mem(kernel, value, size, &image);

    if (status == CL_SUCCESS && !image) {
        status = value ? CL_INVALID_MEM_OBJECT : CL_INVALID_ARG_VALUE;
    }
    if (status == CL_SUCCESS && (image->type == CL_MEM_OBJECT_BUFFER ||
                                 !image_fits(description, image))) {
        status = CL_INVALID_ARG_VALUE;
    }
    return status == CL_SUCCESS ? make_object(&image->object, image->id,
                                              argument)
                                : status;
}

static cl_int make_sampler(const struct _cl_kernel *kernel, const void *value,
                           size_t size, struct argument **argument)
{
    cl_sampler sampler = NULL;

    if (size != sizeof(sampler)) {
        return CL_INVALID_ARG_SIZE;
    }
    if (value) {
        memcpy(&sampler, value, sizeof(sampler));
    }
    return object_is(sampler, OBJECT_SAMPLER) &&
           sampler->context == kernel->context
           ? make_object(&sampler->object, sampler->id, argument)
           : CL_INVALID_SAMPLER;
}

static cl_int make_local(const void *value, size_t size,
                         struct argument **argument)
{
    if (value) {
        return CL_INVALID_ARG_VALUE;
    }
    if (size == 0) {
        return CL_INVALID_ARG_SIZE;
    }
    *argument = argument_new(VGPU_STUB_CL_ARG_LOCAL, NULL, 0);
    if (*argument) {
        (*argument)->local = size;
    }
    return *argument ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
}

static cl_int make_value(const void *value, size_t size,
                         struct argument **argument)
{
    if (!value) {
        return CL_INVALID_ARG_VALUE;
    }
    if (size == 0 || size > VALUE_MAX) {
        return CL_INVALID_ARG_SIZE;
    }
    *argument = argument_new(VGPU_STUB_CL_ARG_VALUE, value, size);
    return *argument ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
}

static cl_int make(const struct _cl_kernel *kernel, cl_uint index,
                   size_t size, const void *value, struct argument **argument)
{
    const struct vgpu_stub_cl_argument *description;

    if (index >= kernel->description->arguments) {
        return CL_INVALID_ARG_INDEX;
    }
    description = program_argument(kernel->description, index);
    if (description->access != CL_KERNEL_ARG_ACCESS_NONE) {
        return make_image(kernel, description, value, size, argument);
    }
    if (is_type(description, "sampler_t")) {
        return make_sampler(kernel, value, size, argument);
    }
    if (is_type(description, "queue_t")) {
        return size == sizeof(cl_command_queue) ? CL_INVALID_DEVICE_QUEUE
                                                : CL_INVALID_ARG_SIZE;
    }
    switch (description->address) {
    case CL_KERNEL_ARG_ADDRESS_GLOBAL:
    case CL_KERNEL_ARG_ADDRESS_CONSTANT:
        return make_buffer(kernel, value, size, argument);
    case CL_KERNEL_ARG_ADDRESS_LOCAL:
        return make_local(value, size, argument);
    default:
        return make_value(value, size, argument);
    }
}

/*
 * Only the host knows how large a value has to be; it is asked the first time.
 * The lock is not held meanwhile.
 */
static cl_int try_value(cl_kernel kernel, cl_uint index,
                        struct argument *argument)
{
    struct host_call call = { .size = 0 };
    cl_int status;

    host_call_put(kernel->context->host, &call,
                  argument_command(kernel, index, argument));
    if (call.number == 0) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    argument_replace(&kernel->sent[index], argument);
    opencl_unlock();
    status = host_call_wait(kernel->context->host, &call);
    opencl_lock();
    if (status == CL_SUCCESS) {
        kernel->value_sizes[index] = argument->size;
    } else if (kernel->sent[index] == argument) {
        argument_replace(&kernel->sent[index], NULL);
    }
    return status;
}

cl_int CL_API_CALL clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size,
                                  const void *value)
{
    struct argument *argument = NULL;
    cl_int status = CL_INVALID_KERNEL;

    opencl_lock();
    if (object_is(kernel, OBJECT_KERNEL)) {
        status = make(kernel, index, size, value, &argument);
    }
    if (status == CL_SUCCESS) {
        object_use(kernel);
        if (argument->kind == VGPU_STUB_CL_ARG_VALUE &&
            kernel->value_sizes[index] != size) {
            status = try_value(kernel, index, argument);
        }
        if (status == CL_SUCCESS) {
            argument_replace(&kernel->set[index], argument);
        }
        argument_unuse(argument);
        object_unuse(kernel);
    }
    opencl_unlock();
    return status;
}
