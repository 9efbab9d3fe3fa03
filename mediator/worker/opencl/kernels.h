/*
 * Kernels, and what they are called with
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_KERNELS_H
#define WORKER_OPENCL_KERNELS_H

#include "programs.h"

/* What a kernel takes there */
typedef enum ClTakes {
    CL_TAKES_VALUE,
    CL_TAKES_LOCAL,             /* memory of each work group */
    CL_TAKES_BUFFER,
    CL_TAKES_IMAGE,
    CL_TAKES_SAMPLER,
    CL_TAKES_NOTHING,           /* that a guest could give it */
    CL_TAKES_UNKNOWN,           /* perhaps a sampler: see arguments.c */
} ClTakes;

typedef struct ClArgument {
    ClTakes takes;
    bool large;                 /* its value counts by itself */
    uint64_t local;             /* bytes */
    cl_mem_object_type image;   /* of CL_TAKES_IMAGE; 0: any */
    uint32_t object;            /* id; 0: none */
    uint64_t serial;            /* of the object */
} ClArgument;

typedef struct ClKernel {
    ClObject base;
    ClProgram *program;
    cl_kernel kernel;
    uint64_t cost;              /* bytes that it counts for */
    cl_uint count;
    ClArgument *arguments;
    size_t group;               /* work items of a group, at most */
    size_t required[3];         /* the size of a group; all 0: any */
    cl_ulong local;             /* bytes that it has without its arguments */
    ClPace pace;                /* of a work item */
} ClKernel;

/* The one with @id, or NULL */
ClKernel *cl_kernel_find(const ClSession *session, uint32_t id);

/* Find out what @kernel, which has been built, takes as argument @index. */
void cl_argument_find(ClArgument *argument, cl_kernel kernel, cl_uint index);

#endif /* WORKER_OPENCL_KERNELS_H */
