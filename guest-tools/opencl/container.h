/*
 * OpenCL in the guest: a recipe as bytes, which programs keep as a binary
 *
 * It is what a program is made from, not what came of it: an update of the
 * host's driver, or another device, does not matter. Pure functions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_CONTAINER_H
#define OPENCL_CONTAINER_H

#include "recipe.h"

/*
 * The bytes for @recipe, made on @device with @driver, which is only for those
 * who look at them; the caller frees them. NULL: no memory.
 */
uint8_t *container_write(const struct recipe *recipe, const char *device,
                         const char *driver, size_t *size);

/*
 * The recipe in the @size bytes, with a use for the caller. CL_INVALID_BINARY:
 * they are no container, or damaged.
 */
cl_int container_read(const uint8_t *bytes, size_t size,
                      struct recipe **recipe);

#endif /* OPENCL_CONTAINER_H */
