/*
 * OpenCL in the guest: kernels and their arguments
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_KERNEL_H
#define OPENCL_KERNEL_H

#include "memory.h"
#include "program.h"

/*
 * What an argument was set to. It does not change; kernels and the launches
 * that are on their way share it, with the lock.
 */
struct argument {
    unsigned uses;
    uint32_t kind;              /* VGPU_STUB_CL_ARG_… */
    uint64_t local;             /* bytes, of ARG_LOCAL */
    struct object *object;      /* watched; NULL, also of ARG_OBJECT */
    uint32_t id;                /* of the object on the host; 0 for NULL */
    size_t size;                /* bytes of the value */
    uint8_t value[];
};

/* What the host says of the kernel, asked when it is made */
struct kernel_limits {
    size_t work_group_size;
    size_t compile_work_group_size[3];
};

struct _cl_kernel {
    struct object object;
    cl_context context;
    cl_program program;
    const struct vgpu_stub_cl_kernel *description;      /* the program's */
    uint32_t id;                /* on the host */
    struct kernel_limits limits;
    struct argument **set;      /* each as the program set it, or NULL */
    struct argument **sent;     /* each as the host has it, or NULL */
    size_t *value_sizes;        /* each one's, that the host has taken; or 0 */
};

/* With the lock. An argument of a value of @size bytes; NULL: no memory. */
struct argument *argument_new(uint32_t kind, const void *value, size_t size);
void argument_use(struct argument *argument);
void argument_unuse(struct argument *argument);

/* The command that sets it; NULL: no memory. */
struct remote_command *argument_command(const struct _cl_kernel *kernel,
                                        cl_uint index,
                                        const struct argument *argument);

/* With the lock: put @argument, or NULL, in the place of another one. */
void argument_replace(struct argument **place, struct argument *argument);

#endif /* OPENCL_KERNEL_H */
