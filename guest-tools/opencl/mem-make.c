/*
 * OpenCL in the guest: what making a buffer and making an image have in common
 *
 * SPDX-License-Identifier: MIT
 */
#include "mem-make.h"

#include <stdlib.h>

static void mem_end(void *object)
{
    struct _cl_mem *mem = object;

    if (mem->id) {
        host_object_release(mem->context->host, mem->id);
    }
    callback_put_all(&mem->destructors, mem);
    while (mem->mappings) {
        struct mapping *mapping = mem->mappings;

        mem->mappings = mapping->next;
        free(mapping);
    }
    free(mem->shadow);
    free(mem->properties);
    if (mem->parent) {
        object_unuse(mem->parent);
    }
    object_unuse(mem->context);
}

static bool at_most_one(cl_mem_flags flags)
{
    return (flags & (flags - 1)) == 0;
}

bool mem_flags_are_valid(cl_mem_flags flags)
{
    return !(flags & ~(MEM_ACCESS | MEM_HOST_ACCESS | MEM_POINTERS)) &&
           at_most_one(flags & MEM_ACCESS) &&
           at_most_one(flags & MEM_HOST_ACCESS) &&
           !((flags & CL_MEM_USE_HOST_PTR) &&
             (flags & (CL_MEM_ALLOC_HOST_PTR | CL_MEM_COPY_HOST_PTR)));
}

cl_int mem_check_pointer(cl_mem_flags flags, const void *host_ptr)
{
    const bool wants = flags & (CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR);

    return wants == (host_ptr != NULL) ? CL_SUCCESS : CL_INVALID_HOST_PTR;
}

cl_mem_flags mem_inherit_flags(cl_mem_flags flags, cl_mem_flags parent)
{
    const cl_mem_flags own = flags & MEM_ACCESS;
    const cl_mem_flags own_host = flags & MEM_HOST_ACCESS;

    return (own ? own : parent & MEM_ACCESS) |
           (own_host ? own_host : parent & MEM_HOST_ACCESS) |
           (parent & MEM_POINTERS);
}

bool mem_may_inherit(cl_mem_flags flags, cl_mem_flags parent)
{
    const bool less_access =
        ((parent & CL_MEM_WRITE_ONLY) &&
         (flags & (CL_MEM_READ_WRITE | CL_MEM_READ_ONLY))) ||
        ((parent & CL_MEM_READ_ONLY) &&
         (flags & (CL_MEM_READ_WRITE | CL_MEM_WRITE_ONLY)));
    const bool less_host_access =
        ((parent & CL_MEM_HOST_WRITE_ONLY) &&
         (flags & CL_MEM_HOST_READ_ONLY)) ||
        ((parent & CL_MEM_HOST_READ_ONLY) &&
         (flags & CL_MEM_HOST_WRITE_ONLY)) ||
        ((parent & CL_MEM_HOST_NO_ACCESS) &&
         (flags & (CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_WRITE_ONLY)));

    return mem_flags_are_valid(flags) && !(flags & MEM_POINTERS) &&
           !less_access && !less_host_access;
}

cl_mem mem_new(cl_context context, cl_mem_object_type type,
               cl_mem_flags flags)
{
    struct _cl_mem *mem = object_new(OBJECT_MEM, sizeof(*mem), mem_end);

    if (mem) {
        mem->context = context;
        mem->type = type;
        mem->flags = flags & MEM_ACCESS ? flags : flags | CL_MEM_READ_WRITE;
        object_use(context);
    }
    return mem;
}

uint32_t mem_take_id(cl_mem mem)
{
    return host_object_id(mem->context->host);
}

cl_int mem_make_on_host(cl_mem mem, uint32_t id,
                        struct remote_command *command, void *payload,
                        size_t size)
{
    return host_object_make(mem->context->host, &mem->id, id, command, payload,
                            size);
}

bool mem_set_properties(cl_mem mem, const cl_mem_properties *properties)
{
    if (!properties) {
        return true;
    }
    mem->properties = calloc(1, sizeof(*mem->properties));
    mem->properties_size = sizeof(*mem->properties);
    return mem->properties != NULL;
}

cl_mem mem_end_creation(cl_mem mem, cl_int status, cl_int *errcode_ret)
{
    if (mem && status != CL_SUCCESS) {
        clReleaseMemObject(mem);
        mem = NULL;
    }
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return mem;
}
