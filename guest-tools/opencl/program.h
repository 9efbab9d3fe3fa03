/*
 * OpenCL in the guest: programs
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_PROGRAM_H
#define OPENCL_PROGRAM_H

#include "context.h"
#include "recipe.h"

struct _cl_program {
    struct object object;
    cl_context context;
    cl_uint num_devices;
    cl_device_id device;
    char *source;               /* with a NUL; NULL: of others, or a binary */
    size_t source_length;       /* bytes, without it */
    struct recipe *binary;      /* that it was created with, or NULL */
    uint32_t id;                /* on the host; 0: it is not there */
    struct recipe *recipe;      /* what that was made from, or NULL */
    bool building;              /* a thread builds it */
    cl_build_status status;
    cl_program_binary_type binary_type;
    char *options;              /* of the latest build, or NULL */
    char *log;                  /* of that, with a NUL, or NULL */
    uint8_t *kernels;           /* descriptions, of good form, or NULL … */
    size_t kernels_size;        /* … bytes … */
    size_t num_kernels;         /* … and how many of them */
    unsigned attached;          /* kernels that the program has of it, links */
    struct callback *destructors;
};

/* One that nothing is made of yet. Takes over @source; NULL: no memory. */
cl_program program_new(cl_context context, char *source, size_t length);

/* With the lock: can it have kernels? */
bool program_is_executable(cl_program program);

/*
 * Build it, if it was created with an executable and nobody has built it: some
 * programs take it for built. Waits, without the lock.
 */
void program_build_binary(cl_program program);

/* A kernel's description, in the program's */
const struct vgpu_stub_cl_kernel *program_kernel(cl_program program,
                                                 size_t number);
const char *program_kernel_name(const struct vgpu_stub_cl_kernel *kernel);
const char *program_kernel_attributes(const struct vgpu_stub_cl_kernel *kernel);

/* An argument's; it is there. */
const struct vgpu_stub_cl_argument *
program_argument(const struct vgpu_stub_cl_kernel *kernel, uint32_t index);

/* Are descriptions of good form? *@count: kernels */
bool program_check_kernels(const uint8_t *kernels, size_t size, size_t *count);

#endif /* OPENCL_PROGRAM_H */
