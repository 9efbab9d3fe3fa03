/*
 * Options: which a guest may give the host's compiler and linker
 *
 * Pure functions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_BUILD_OPTIONS_H
#define WORKER_OPENCL_BUILD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The @length bytes of options as they may be given to a driver, with what the
 * session itself needs; to be freed with g_free(). NULL when there is one among
 * them that may not: all but those of OpenCL's specification, and -D.
 */
char *cl_options_make(const uint8_t *bytes, size_t length);

/* The same for the linker, and whether they make a library */
char *cl_link_options_make(const uint8_t *bytes, size_t length,
                           bool *is_library);

/* Those of them that are the guest's: not all linkers know the session's. */
const char *cl_link_options_own(const char *options);

#endif /* WORKER_OPENCL_BUILD_OPTIONS_H */
