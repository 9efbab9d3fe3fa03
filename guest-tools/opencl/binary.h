/*
 * OpenCL in the guest: programs as binaries, and from them
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_BINARY_H
#define OPENCL_BINARY_H

#include "info.h"
#include "program.h"

/*
 * CL_PROGRAM_BINARY_SIZES and CL_PROGRAM_BINARIES of what was made of a recipe;
 * NULL: there is none. May wait, without the lock.
 */
cl_int binary_info(const struct recipe *recipe, cl_program_info name,
                   const struct info *info);

#endif /* OPENCL_BINARY_H */
