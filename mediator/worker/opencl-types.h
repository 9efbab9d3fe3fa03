/*
 * What a guest's program calls a type: which one is it?
 *
 * A name may be anything, and stand for anything; the program's own compiler
 * says so.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_TYPES_H
#define WORKER_OPENCL_TYPES_H

#include "opencl-driver.h"

/*
 * Is the type that @text, a program built with @options, calls @name the same as
 * OpenCL's @type?
 */
bool opencl_type_is(const Backend *backend, const char *text,
                    const char *options, const char *name, const char *type);

/*
 * Is the type that @program, built with @options, calls @name a number, a vector
 * or a structure? Else it is a sampler, or what else a driver has a pointer for.
 */
bool opencl_type_is_plain(const Backend *backend, cl_program program,
                          const char *options, const char *name);

/*
 * Is there no type with this @name in the source of @program? Asked of what was
 * compiled with @options.
 */
bool opencl_type_is_free(const Backend *backend, cl_program program,
                         const char *options, const char *name);

#endif /* WORKER_OPENCL_TYPES_H */
