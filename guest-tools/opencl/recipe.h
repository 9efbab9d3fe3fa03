/*
 * OpenCL in the guest: what the host makes a program from
 *
 * A recipe does not change; programs share it. It is all that it takes to make
 * the program again, on whatever host.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_RECIPE_H
#define OPENCL_RECIPE_H

#include "objects.h"
#include "vgpu-stub-opencl.h"

/* Libraries of libraries … */
#define RECIPE_DEPTH_MAX 16

/* Sources of one with its inputs: the host links no more … */
#define RECIPE_SOURCES_MAX VGPU_STUB_CL_LINK_MAX

/* … and bytes of options, for which a batch has room beside its inputs' ids */
#define RECIPE_OPTIONS_MAX (60u << 10)

struct recipe {
    unsigned uses;
    unsigned depth;             /* of inputs, from 1 on */
    size_t sources;             /* all there are, with its inputs' */
    cl_program_binary_type type;        /* what comes of it */
    char *options;              /* the host's */
    char *text;                 /* the host's source; NULL: it is linked */
    size_t length;              /* bytes */
    struct recipe **inputs;     /* what it is linked from … */
    size_t num_inputs;          /* … how many */
};

/*
 * Of a source, or of what others make; both take over what they are given, and
 * the latter a use of each input, also when they fail. NULL: no memory, for
 * which reason any of the pointers may be NULL, or it is more than
 * RECIPE_DEPTH_MAX deep.
 */
struct recipe *recipe_of_source(cl_program_binary_type type, char *options,
                                char *text, size_t length);
struct recipe *recipe_of_link(cl_program_binary_type type, char *options,
                              struct recipe **inputs, size_t num_inputs);

/* From any thread; NULL is nothing. */
struct recipe *recipe_use(struct recipe *recipe);
void recipe_unuse(struct recipe *recipe);

#endif /* OPENCL_RECIPE_H */
