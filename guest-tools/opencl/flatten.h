/*
 * OpenCL in the guest: sources in which the files that they include are
 *
 * The host reads no file of the guest. An include is replaced by what it
 * includes; all else is as it was, and the host's compiler preprocesses it.
 * Which includes count is found out here.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_FLATTEN_H
#define OPENCL_FLATTEN_H

#include "host.h"
#include "source-file.h"

/* Does it include anything, perhaps? */
bool flatten_is_needed(const char *text, size_t length);

/*
 * Make of @text, of *@length bytes, the source for the host, which the caller
 * frees. What is not found stays as it is. Waits, without the lock.
 *
 * Returns OpenCL's error, also of a question to the host's compiler;
 * CL_INVALID_VALUE: it would have more than VGPU_STUB_CL_SOURCE_MAX bytes, or
 * it includes itself without end.
 */
cl_int flatten(struct host *host, const struct search *search,
               const char *text, size_t *length, char **flat);

#endif /* OPENCL_FLATTEN_H */
