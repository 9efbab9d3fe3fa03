/*
 * OpenCL in the guest: what building, compiling and linking have in common
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_BUILD_H
#define OPENCL_BUILD_H

#include "make.h"
#include "program.h"
#include "source-file.h"

typedef void (CL_CALLBACK *build_function)(cl_program program,
                                           void *user_data);

/* One on its way; nothing of it is the program's yet. */
struct build {
    cl_program program;
    struct host *host;
    struct recipe *recipe;      /* NULL: there is none yet */
    char *options;              /* the program's own */
    cl_int failure;             /* what is said when the source is wrong … */
    cl_int refused;             /* … and when options are */
    struct made made;
};

/* With the lock: are these a program's device, and one to tell? */
cl_int build_check(cl_program program, cl_uint num_devices,
                   const cl_device_id *devices, build_function function,
                   const void *user_data);

/* With the lock: the program is this one's from now on, if it succeeds. */
cl_int build_begin(struct build *build, cl_program program,
                   const char *options, cl_int failure, cl_int refused);

/* Make the recipe of the program's source; waits, without the lock. */
cl_int build_take_source(struct build *build, cl_program_binary_type type,
                         const struct header *headers, size_t num_headers);

/*
 * Without the lock: it has ended with @status. Returns what the program's call
 * does, which is told by @function, if it has any.
 */
cl_int build_end(struct build *build, cl_int status, build_function function,
                 void *user_data);

#endif /* OPENCL_BUILD_H */
