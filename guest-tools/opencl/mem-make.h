/*
 * OpenCL in the guest: what making a buffer and making an image have in common
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_MEM_MAKE_H
#define OPENCL_MEM_MAKE_H

#include "memory.h"

#define MEM_ACCESS (CL_MEM_READ_WRITE | CL_MEM_WRITE_ONLY | CL_MEM_READ_ONLY)
#define MEM_HOST_ACCESS (CL_MEM_HOST_WRITE_ONLY | CL_MEM_HOST_READ_ONLY | \
                         CL_MEM_HOST_NO_ACCESS)
#define MEM_POINTERS (CL_MEM_USE_HOST_PTR | CL_MEM_ALLOC_HOST_PTR | \
                      CL_MEM_COPY_HOST_PTR)

bool mem_flags_are_valid(cl_mem_flags flags);

/* Do flags and pointer go together? CL_INVALID_HOST_PTR, or CL_SUCCESS */
cl_int mem_check_pointer(cl_mem_flags flags, const void *host_ptr);

/*
 * The flags of what shares its parent's memory: what is not said is the
 * parent's, as are the pointers; and whether it may have these.
 */
cl_mem_flags mem_inherit_flags(cl_mem_flags flags, cl_mem_flags parent);
bool mem_may_inherit(cl_mem_flags flags, cl_mem_flags parent);

/* With the lock: one without its counterpart on the host; NULL: no memory */
cl_mem mem_new(cl_context context, cl_mem_object_type type,
               cl_mem_flags flags);

/* Without the lock: as host_object_id() and host_object_make() */
uint32_t mem_take_id(cl_mem mem);
cl_int mem_make_on_host(cl_mem mem, uint32_t id,
                        struct remote_command *command, void *payload,
                        size_t size);

/* The only list of properties that there is is an empty one. */
bool mem_set_properties(cl_mem mem, const cl_mem_properties *properties);

/* The end of a function that makes one: when it failed, there is none. */
cl_mem mem_end_creation(cl_mem mem, cl_int status, cl_int *errcode_ret);

#endif /* OPENCL_MEM_MAKE_H */
