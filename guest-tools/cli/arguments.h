/*
 * vgpu-stub run: what a kernel is given, from the command line
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_ARGUMENTS_H
#define VGPU_STUB_ARGUMENTS_H

#include <stddef.h>

#include "options.h"

struct argument {
    enum option_id kind;
    uint64_t value;             /* a number's bits */
    uint8_t *data;              /* a buffer's contents */
    size_t size;                /* its bytes, at least 1; 0: not a buffer */
    size_t filled;              /* how many of them come from a file */
    char *output;               /* file that gets the contents, or NULL */
};

struct arguments {
    unsigned count;
    struct argument list[VGPU_STUB_KERNEL_ARGS_MAX];
};

/*
 * Make the arguments that @options have, with the contents of the files. Ends
 * the program where the command line is wrong.
 *
 * Returns an exit status, a failure is said. In any case @arguments are to be
 * freed with free_arguments().
 */
int read_arguments(const struct options *options, struct arguments *arguments);
void free_arguments(struct arguments *arguments);

static inline bool is_buffer(const struct argument *argument)
{
    return argument->size > 0;
}

#endif /* VGPU_STUB_ARGUMENTS_H */
