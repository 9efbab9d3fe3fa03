/*
 * OpenCL in the guest: files that a source includes
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_SOURCE_FILE_H
#define OPENCL_SOURCE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* A header that a program has given by itself; its name is as included. */
struct header {
    const char *name;
    const char *text;
    size_t length;              /* bytes */
};

/* Where to look */
struct search {
    const char *options;        /* with folders */
    const struct header *headers;
    size_t num_headers;
};

struct source_file {
    char *name;                 /* with its folder, if it is in one */
    char *text;
    size_t length;              /* bytes */
};

/*
 * Find what "@name" means, or <@name> without @quoted, in a file called @from:
 * a given header, a file beside that one, in a folder of the options, or from
 * where the program is. False: there is none, or it cannot be read. To be
 * cleared with source_file_clear().
 */
bool source_file_find(struct source_file *file, const struct search *search,
                      const char *name, bool quoted, const char *from);
void source_file_clear(struct source_file *file);

#endif /* OPENCL_SOURCE_FILE_H */
