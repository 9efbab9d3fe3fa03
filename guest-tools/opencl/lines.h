/*
 * OpenCL in the guest: the lines of a source, as a preprocessor sees them
 *
 * Pure functions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_LINES_H
#define OPENCL_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* One line with those that continue it, by a backslash or in a comment */
struct line {
    const char *text;
    size_t length;              /* bytes, with its newline */
    const char *word;           /* of a directive: "include"; NULL: none … */
    size_t word_length;
    const char *rest;           /* … and what stands behind it */
};

/* The next line from *@at on, which moves; false at @end. */
bool line_next(const char **at, const char *end, struct line *line);

/* Is it this directive? */
bool line_is(const struct line *line, const char *word);

/* How many lines of the source it takes up */
unsigned line_count(const struct line *line);

/* Behind blanks, comments and continuations */
const char *line_skip_space(const char *at, const char *end);

/* Bytes of the identifier at @at, or 0 */
size_t line_identifier(const char *at, const char *end);

#endif /* OPENCL_LINES_H */
