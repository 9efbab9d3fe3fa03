/*
 * OpenCL in the guest: having the host make programs
 *
 * Functions here wait, without the lock.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_MAKE_H
#define OPENCL_MAKE_H

#include "host.h"
#include "recipe.h"

/* What came of it; to be cleared with made_clear() */
struct made {
    uint32_t id;                /* on the host; 0: it is not there */
    cl_build_status status;
    char *log;                  /* with a NUL; or NULL */
    uint8_t *kernels;           /* descriptions, of good form, or NULL … */
    size_t kernels_size;        /* … bytes … */
    size_t num_kernels;         /* … and how many of them */
};

/*
 * Make what the recipe is for. Returns OpenCL's error: what a compiler finds
 * wrong is CL_BUILD_PROGRAM_FAILURE, CL_COMPILE_PROGRAM_FAILURE or
 * CL_LINK_PROGRAM_FAILURE, and made->log says it.
 */
cl_int make(struct host *host, const struct recipe *recipe, struct made *made);

/* The same, of a link; @ids: its inputs that are on the host, 0: is not */
cl_int make_linked(struct host *host, const struct recipe *recipe,
                   const uint32_t *ids, struct made *made);

/* It is not needed on the host. */
void made_clear(struct host *host, struct made *made);

#endif /* OPENCL_MAKE_H */
