/*
 * OpenCL in the guest: what the conditions of a source depend on
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_CONDITIONS_H
#define OPENCL_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Names, each once */
struct names {
    char **names;
    size_t count;
};

bool names_have(const struct names *names, const char *name, size_t length);

/* False: no memory. */
bool names_add(struct names *names, const char *name, size_t length);
void names_clear(struct names *names);

/*
 * Add the names that conditions of @text look at, and those that the macros
 * among them are made of. False: no memory.
 */
bool conditions_find(struct names *names, const char *text, size_t length);

#endif /* OPENCL_CONDITIONS_H */
