/*
 * OpenCL in the guest: making buffers and parts of them
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "device.h"
#include "memory.h"

#define ACCESS (CL_MEM_READ_WRITE | CL_MEM_WRITE_ONLY | CL_MEM_READ_ONLY)
#define HOST_ACCESS (CL_MEM_HOST_WRITE_ONLY | CL_MEM_HOST_READ_ONLY | \
                     CL_MEM_HOST_NO_ACCESS)
#define POINTERS (CL_MEM_USE_HOST_PTR | CL_MEM_ALLOC_HOST_PTR | \
                  CL_MEM_COPY_HOST_PTR)

static void buffer_end(void *object)
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

static bool flags_are_valid(cl_mem_flags flags)
{
    return !(flags & ~(ACCESS | HOST_ACCESS | POINTERS)) &&
           at_most_one(flags & ACCESS) && at_most_one(flags & HOST_ACCESS) &&
           !((flags & CL_MEM_USE_HOST_PTR) &&
             (flags & (CL_MEM_ALLOC_HOST_PTR | CL_MEM_COPY_HOST_PTR)));
}

/* With the lock; a buffer without its counterpart on the host */
static cl_mem buffer_new(cl_context context, cl_mem_flags flags, size_t size)
{
    struct _cl_mem *mem = object_new(OBJECT_MEM, sizeof(*mem), buffer_end);

    if (mem) {
        mem->context = context;
        mem->type = CL_MEM_OBJECT_BUFFER;
        mem->flags = flags & ACCESS ? flags : flags | CL_MEM_READ_WRITE;
        mem->size = size;
        object_use(context);
    }
    return mem;
}

/* Without the lock: have it made, by that command. */
static cl_int make_on_host(cl_mem mem, uint32_t id,
                           struct remote_command *command)
{
    struct host *host = mem->context->host;
    const cl_int status = id ? host_call(host, command, NULL, 0, NULL)
                             : CL_OUT_OF_RESOURCES;

    if (!id) {
        free(command);
    }
    opencl_lock();
    if (status == CL_SUCCESS) {
        mem->id = id;
    } else if (id) {
        host_id_give(host, id);
    }
    opencl_unlock();
    return status;
}

static uint32_t take_id(cl_mem mem)
{
    uint32_t id;

    opencl_lock();
    id = host_id_take(mem->context->host);
    opencl_unlock();
    return id;
}

/* Without the lock */
static cl_int fill_buffer(cl_mem mem, void *host_ptr)
{
    const struct vgpu_stub_cl_buffer_create create = {
        .id = take_id(mem),
        .flags = mem->flags & ACCESS,
        .size = mem->size,
    };
    cl_int status = make_on_host(mem, create.id,
                                 HOST_COMMAND(BUFFER_CREATE, &create));

    if (status == CL_SUCCESS && host_ptr) {
        status = bulk_upload(mem->context->host, VGPU_STUB_CL_BUFFER_WRITE,
                             mem->id, host_ptr, mem->size);
    }
    return status;
}

static cl_int check_buffer(cl_context context, cl_mem_flags flags, size_t size,
                           const void *host_ptr)
{
    const bool wants = flags & (CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR);

    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    if (!flags_are_valid(flags)) {
        return CL_INVALID_VALUE;
    }
    if (size == 0 || size > device_number(CL_DEVICE_MAX_MEM_ALLOC_SIZE)) {
        return session_lost(context->host->session)
               ? CL_OUT_OF_RESOURCES : CL_INVALID_BUFFER_SIZE;
    }
    return wants == (host_ptr != NULL) ? CL_SUCCESS : CL_INVALID_HOST_PTR;
}

/* The only list of properties that there is is an empty one. */
static bool set_properties(cl_mem mem, const cl_mem_properties *properties)
{
    if (!properties) {
        return true;
    }
    mem->properties = calloc(1, sizeof(*mem->properties));
    mem->properties_size = sizeof(*mem->properties);
    return mem->properties != NULL;
}

/* The end of a function that makes one: when it failed, there is none. */
static cl_mem end_creation(cl_mem mem, cl_int status, cl_int *errcode_ret)
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

cl_mem CL_API_CALL clCreateBufferWithProperties(
    cl_context context, const cl_mem_properties *properties,
    cl_mem_flags flags, size_t size, void *host_ptr, cl_int *errcode_ret)
{
    cl_int status = check_buffer(context, flags, size, host_ptr);
    cl_mem mem = NULL;

    if (status == CL_SUCCESS && properties && properties[0]) {
        status = CL_INVALID_PROPERTY;
    }
    if (status == CL_SUCCESS) {
        opencl_lock();
        mem = buffer_new(context, flags, size);
        opencl_unlock();
        status = mem && set_properties(mem, properties)
                 ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    if (status == CL_SUCCESS) {
        if (flags & CL_MEM_USE_HOST_PTR) {
            mem->host_ptr = host_ptr;
        }
        status = fill_buffer(mem, host_ptr);
    }
    return end_creation(mem, status, errcode_ret);
}

cl_mem CL_API_CALL clCreateBuffer(cl_context context, cl_mem_flags flags,
                                  size_t size, void *host_ptr,
                                  cl_int *errcode_ret)
{
    return clCreateBufferWithProperties(context, NULL, flags, size, host_ptr,
                                        errcode_ret);
}

/* --- Parts of buffers --- */

/* What is not said is the parent's, as are the pointers. */
static cl_mem_flags inherit(cl_mem_flags flags, cl_mem_flags parent)
{
    return (flags & ACCESS ? flags & ACCESS : parent & ACCESS) |
           (flags & HOST_ACCESS ? flags & HOST_ACCESS : parent & HOST_ACCESS) |
           (parent & POINTERS);
}

static bool may_inherit(cl_mem_flags flags, cl_mem_flags parent)
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

    return flags_are_valid(flags) && !(flags & POINTERS) && !less_access &&
           !less_host_access;
}

cl_int mem_check_alignment(const struct _cl_mem *mem)
{
    const uint64_t bits = mem->parent
                          ? device_number(CL_DEVICE_MEM_BASE_ADDR_ALIGN) : 0;

    return bits >= 8 && mem->origin % (bits / 8)
           ? CL_MISALIGNED_SUB_BUFFER_OFFSET : CL_SUCCESS;
}

static cl_int check_part(cl_mem parent, cl_mem_flags flags,
                         cl_buffer_create_type type,
                         const cl_buffer_region *region)
{
    if (!object_is(parent, OBJECT_MEM) || parent->parent) {
        return CL_INVALID_MEM_OBJECT;
    }
    if (!may_inherit(flags, parent->flags) ||
        type != CL_BUFFER_CREATE_TYPE_REGION || !region) {
        return CL_INVALID_VALUE;
    }
    if (region->size == 0) {
        return CL_INVALID_BUFFER_SIZE;
    }
    return mem_has(parent, region->origin, region->size) ? CL_SUCCESS
                                                         : CL_INVALID_VALUE;
}

/* Without the lock */
static cl_int make_part(cl_mem mem)
{
    const struct vgpu_stub_cl_sub_buffer_create create = {
        .id = take_id(mem),
        .buffer = mem->parent->id,
        .flags = mem->flags & ACCESS,
        .origin = mem->origin,
        .size = mem->size,
    };

    return make_on_host(mem, create.id,
                        HOST_COMMAND(SUB_BUFFER_CREATE, &create));
}

cl_mem CL_API_CALL clCreateSubBuffer(cl_mem parent, cl_mem_flags flags,
                                     cl_buffer_create_type type,
                                     const void *info, cl_int *errcode_ret)
{
    const cl_buffer_region *region = info;
    cl_mem mem = NULL;
    cl_int status;

    opencl_lock();
    status = check_part(parent, flags, type, region);
    if (status == CL_SUCCESS) {
        mem = buffer_new(parent->context, inherit(flags, parent->flags),
                         region->size);
        status = mem ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    if (mem) {
        mem->parent = parent;
        mem->origin = region->origin;
        if (parent->host_ptr) {
            mem->host_ptr = (char *)parent->host_ptr + region->origin;
        }
        object_use(parent);
    }
    opencl_unlock();
    if (status == CL_SUCCESS) {
        status = mem_check_alignment(mem);
    }
    if (status == CL_SUCCESS) {
        status = make_part(mem);
    }
    return end_creation(mem, status, errcode_ret);
}
