/*
 * OpenCL in the guest: memory objects, and what is asked of them
 *
 * SPDX-License-Identifier: MIT
 */
#include "memory.h"

#include <stdlib.h>

#include "info.h"

/* Of what programs map */
#define SHADOW_ALIGN 4096

char *mem_shadow(cl_mem mem)
{
    char *shadow;

    if (mem->parent) {
        shadow = mem_shadow(mem->parent);
        return shadow ? shadow + mem->origin : NULL;
    }
    if (mem->flags & CL_MEM_USE_HOST_PTR) {
        return mem->host_ptr;
    }
    if (!mem->shadow) {
        mem->shadow = aligned_alloc(SHADOW_ALIGN,
                                    (mem->size + SHADOW_ALIGN - 1) /
                                    SHADOW_ALIGN * SHADOW_ALIGN);
    }
    return mem->shadow;
}

cl_int CL_API_CALL clRetainMemObject(cl_mem mem)
{
    return object_retain(mem, OBJECT_MEM, CL_INVALID_MEM_OBJECT);
}

cl_int CL_API_CALL clReleaseMemObject(cl_mem mem)
{
    return object_release(mem, OBJECT_MEM, CL_INVALID_MEM_OBJECT);
}

cl_int CL_API_CALL clGetMemObjectInfo(cl_mem mem, cl_mem_info name,
                                      size_t size, void *value,
                                      size_t *size_ret)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_MEM_TYPE, struct _cl_mem, type),
        INFO_FIELD(CL_MEM_FLAGS, struct _cl_mem, flags),
        INFO_FIELD(CL_MEM_SIZE, struct _cl_mem, size),
        INFO_FIELD(CL_MEM_HOST_PTR, struct _cl_mem, host_ptr),
        INFO_FIELD(CL_MEM_MAP_COUNT, struct _cl_mem, map_count),
        INFO_FIELD(CL_MEM_REFERENCE_COUNT, struct _cl_mem, object.refs),
        INFO_FIELD(CL_MEM_CONTEXT, struct _cl_mem, context),
        INFO_FIELD(CL_MEM_ASSOCIATED_MEMOBJECT, struct _cl_mem, parent),
        INFO_FIELD(CL_MEM_OFFSET, struct _cl_mem, origin),
    };
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_MEM_OBJECT;

    opencl_lock();
    if (object_is(mem, OBJECT_MEM)) {
        switch (name) {
        case CL_MEM_USES_SVM_POINTER:
            status = INFO_RETURN(&info, cl_bool, CL_FALSE);
            break;
        case CL_MEM_PROPERTIES:
            status = info_bytes(&info, mem->properties, mem->properties_size);
            break;
        default:
            status = INFO_FIELDS(&info, mem, fields, name);
            break;
        }
    }
    opencl_unlock();
    return status;
}

static void call_destructor(struct callback *callback)
{
    void (CL_CALLBACK *function)(cl_mem, void *) = callback->function;

    function(callback->object, callback->user_data);
}

cl_int CL_API_CALL clSetMemObjectDestructorCallback(
    cl_mem mem, void (CL_CALLBACK *function)(cl_mem, void *), void *user_data)
{
    if (!object_is(mem, OBJECT_MEM)) {
        return CL_INVALID_MEM_OBJECT;
    }
    return callback_push(&mem->destructors, call_destructor, (void *)function,
                         user_data);
}
