/*
 * OpenCL in the guest: making buffers and parts of them
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "device.h"
#include "mem-make.h"

/* With the lock; a buffer without its counterpart on the host */
static cl_mem buffer_new(cl_context context, cl_mem_flags flags, size_t size)
{
    cl_mem mem = mem_new(context, CL_MEM_OBJECT_BUFFER, flags);

    if (mem) {
        mem->size = size;
    }
    return mem;
}

/* Without the lock */
static cl_int fill_buffer(cl_mem mem, void *host_ptr)
{
    const struct vgpu_stub_cl_buffer_create create = {
        .id = mem_take_id(mem),
        .flags = mem->flags & MEM_ACCESS,
        .size = mem->size,
    };
    cl_int status = mem_make_on_host(mem, create.id,
                                     HOST_COMMAND(BUFFER_CREATE, &create),
                                     NULL, 0);

    if (status == CL_SUCCESS && host_ptr) {
        status = bulk_upload(mem->context->host, VGPU_STUB_CL_BUFFER_WRITE,
                             mem->id, host_ptr, mem->size);
    }
    return status;
}

static cl_int check_buffer(cl_context context, cl_mem_flags flags, size_t size,
                           const void *host_ptr)
{
    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    if (!mem_flags_are_valid(flags)) {
        return CL_INVALID_VALUE;
    }
    if (size == 0 || size > device_number(CL_DEVICE_MAX_MEM_ALLOC_SIZE)) {
        return session_lost(context->host->session)
               ? CL_OUT_OF_RESOURCES : CL_INVALID_BUFFER_SIZE;
    }
    return mem_check_pointer(flags, host_ptr);
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
        status = mem && mem_set_properties(mem, properties)
                 ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    if (status == CL_SUCCESS) {
        if (flags & CL_MEM_USE_HOST_PTR) {
            mem->host_ptr = host_ptr;
        }
        status = fill_buffer(mem, host_ptr);
    }
    return mem_end_creation(mem, status, errcode_ret);
}

cl_mem CL_API_CALL clCreateBuffer(cl_context context, cl_mem_flags flags,
                                  size_t size, void *host_ptr,
                                  cl_int *errcode_ret)
{
    return clCreateBufferWithProperties(context, NULL, flags, size, host_ptr,
                                        errcode_ret);
}

/* --- Parts of buffers --- */

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
    if (!object_is(parent, OBJECT_MEM) || parent->parent ||
        parent->type != CL_MEM_OBJECT_BUFFER) {
        return CL_INVALID_MEM_OBJECT;
    }
    if (!mem_may_inherit(flags, parent->flags) ||
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
        .id = mem_take_id(mem),
        .buffer = mem->parent->id,
        .flags = mem->flags & MEM_ACCESS,
        .origin = mem->origin,
        .size = mem->size,
    };

    return mem_make_on_host(mem, create.id,
                            HOST_COMMAND(SUB_BUFFER_CREATE, &create), NULL, 0);
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
        mem = buffer_new(parent->context,
                         mem_inherit_flags(flags, parent->flags),
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
    return mem_end_creation(mem, status, errcode_ret);
}
