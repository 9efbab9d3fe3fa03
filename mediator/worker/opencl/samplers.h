/*
 * Samplers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_SAMPLERS_H
#define WORKER_OPENCL_SAMPLERS_H

#include "private.h"

typedef struct ClSampler {
    ClObject base;
    ClSession *session;
    cl_sampler sampler;
} ClSampler;

/* The one with @id, or NULL */
ClSampler *cl_sampler_find(const ClSession *session, uint32_t id);

#endif /* WORKER_OPENCL_SAMPLERS_H */
