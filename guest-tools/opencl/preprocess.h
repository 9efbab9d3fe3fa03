/*
 * OpenCL in the guest: a preprocessor, libmcpp
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_PREPROCESS_H
#define OPENCL_PREPROCESS_H

#include <stddef.h>

/*
 * What the directives of a source make of its text, as C99 has it. What it says
 * of mistakes is lost: the host's compiler will say it. The caller frees it;
 * NULL: no memory, or no file can be made in TMPDIR or /tmp.
 */
char *preprocess(const char *text, size_t length);

/* In the child of a fork */
void preprocess_renew(void);

#endif /* OPENCL_PREPROCESS_H */
