/*
 * OpenCL in the guest: samplers
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_SAMPLER_H
#define OPENCL_SAMPLER_H

#include "context.h"

/* A property and its value each, and their end: what a sampler has at most */
#define SAMPLER_PROPERTIES_MAX (3 * 2 + 1)

struct _cl_sampler {
    struct object object;
    cl_context context;
    cl_bool normalized;
    cl_addressing_mode addressing;
    cl_filter_mode filter;
    cl_sampler_properties properties[SAMPLER_PROPERTIES_MAX];   /* as given … */
    size_t properties_size;     /* … bytes, with the end; 0: none were */
    uint32_t id;                /* on the host */
};

#endif /* OPENCL_SAMPLER_H */
