/*
 * OpenCL in the guest: a build's options
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_OPTIONS_H
#define OPENCL_OPTIONS_H

/*
 * @options without those that name a folder of the guest to include from, which
 * is not on the host: what includes nothing builds, whatever its program always
 * gives. The caller frees it; NULL: no memory.
 */
char *options_for_host(const char *options);

#endif /* OPENCL_OPTIONS_H */
