/*
 * OpenCL in the guest: files that a source includes
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE             /* asprintf() */
#include "source-file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"
#include "vgpu-stub-opencl.h"

/* All of it; NULL: there is no such, it is no file, or it is too large. */
static char *read_all(int fd, size_t *length)
{
    struct stat about;
    char *text;

    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) ||
        about.st_size > VGPU_STUB_CL_SOURCE_MAX) {
        return NULL;
    }
    text = malloc(about.st_size + 1);
    *length = 0;
    while (text && *length < (size_t)about.st_size) {
        const ssize_t got = read(fd, text + *length, about.st_size - *length);

        if (got <= 0) {
            break;
        }
        *length += got;
    }
    return text;
}

/* Takes over @name, NULL: no memory. */
static bool try_file(struct source_file *file, char *name)
{
    const int fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

    if (fd >= 0) {
        file->text = read_all(fd, &file->length);
        close(fd);
    }
    if (fd < 0 || !file->text) {
        free(name);
        return false;
    }
    file->name = name;
    return true;
}

/* In the folder of @length bytes, which ends in '/' or not */
static bool try_in(struct source_file *file, const char *folder, size_t length,
                   const char *name)
{
    char *path;

    return asprintf(&path, "%.*s/%s", (int)length, folder, name) >= 0 &&
           try_file(file, path);
}

static bool try_header(struct source_file *file, const struct search *search,
                       const char *name)
{
    for (size_t i = 0; i < search->num_headers; i++) {
        const struct header *header = &search->headers[i];

        if (strcmp(header->name, name) == 0) {
            file->name = strdup(name);
            file->text = malloc(header->length + 1);
            file->length = header->length;
            if (file->name && file->text) {
                memcpy(file->text, header->text, header->length);
                return true;
            }
            source_file_clear(file);
            return false;
        }
    }
    return false;
}

/* Beside a file called @from: also a header may be given with a folder. */
static bool try_beside(struct source_file *file, const struct search *search,
                       const char *name, const char *from)
{
    const char *slash = strrchr(from, '/');
    char *path;
    bool found;

    if (!slash || asprintf(&path, "%.*s/%s", (int)(slash - from), from,
                           name) < 0) {
        return false;
    }
    found = try_header(file, search, path);
    if (found) {
        free(path);
        return true;
    }
    return try_file(file, path);
}

static bool try_folders(struct source_file *file, const char *options,
                        const char *name)
{
    struct option option;

    while (option_next(&options, &option)) {
        if (option.kind == OPTION_FOLDER &&
            try_in(file, option.value, option.value_length, name)) {
            return true;
        }
    }
    return false;
}

bool source_file_find(struct source_file *file, const struct search *search,
                      const char *name, bool quoted, const char *from)
{
    *file = (struct source_file) { .name = NULL };
    return try_header(file, search, name) ||
           (*name == '/' && try_file(file, strdup(name))) ||
           (quoted && try_beside(file, search, name, from)) ||
           try_folders(file, search->options, name) ||
           try_file(file, strdup(name));
}

void source_file_clear(struct source_file *file)
{
    free(file->name);
    free(file->text);
    *file = (struct source_file) { .name = NULL };
}
