/*
 * OpenCL in the guest: a build's options
 *
 * Pure functions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_OPTIONS_H
#define OPENCL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum option_kind {
    OPTION_OTHER,
    OPTION_MACRO,               /* -D */
    OPTION_FOLDER,              /* -I: to include from */
};

struct option {
    enum option_kind kind;
    const char *text;           /* as it stands there … */
    size_t length;              /* … bytes */
    const char *value;          /* of -D and -I, without quotes around it */
    size_t value_length;
};

/* The next one from *@at on, which moves; false: there is none. */
bool option_next(const char **at, struct option *option);

/* Is @word one of them? */
bool options_have(const char *options, const char *word);

/*
 * @options without those that name a folder of the guest, which is not on the
 * host; and those without what defines macros. The caller frees them; NULL: no
 * memory.
 */
char *options_for_host(const char *options);
char *options_of_compiler(const char *options);

/* Those that define macros, as lines of a source */
void options_write_macros(const char *options, FILE *to);

#endif /* OPENCL_OPTIONS_H */
