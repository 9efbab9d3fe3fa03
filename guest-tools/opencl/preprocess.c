/*
 * OpenCL in the guest: a preprocessor, libmcpp
 *
 * It has one state for all threads, and reads files alone.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE             /* mkostemp() */
#include "preprocess.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mcpp_lib.h>

static pthread_mutex_t running = PTHREAD_MUTEX_INITIALIZER;

void preprocess_renew(void)
{
    pthread_mutex_init(&running, NULL);
}

/* Makes a file at @path, which was a template; false: there can be none. */
static bool make_file(char *path, const char *text, size_t length)
{
    const int fd = mkostemp(path, O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool written;

    if (!file) {
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        return false;
    }
    written = fwrite(text, 1, length, file) == length;
    written = fclose(file) == 0 && written;
    if (!written) {
        unlink(path);
    }
    return written;
}

/* --- Where its output goes: what it says of mistakes goes nowhere. --- */

static FILE *output;

static int put_character(int c, OUTDEST to)
{
    return to == OUT ? fputc(c, output) : c;
}

static int put_string(const char *string, OUTDEST to)
{
    return to == OUT ? fputs(string, output) : 0;
}

__attribute__((format(printf, 2, 3)))
static int put_format(OUTDEST to, const char *format, ...)
{
    va_list arguments;
    int length = 0;

    if (to == OUT) {
        va_start(arguments, format);
        length = vfprintf(output, format, arguments);
        va_end(arguments);
    }
    return length;
}

/* Without macros of this machine, its folders, and marks of lines */
static void run(char *path)
{
    char words[][16] = { "mcpp", "-N", "-I-", "-P", "-V199901L", "-eutf8" };
    char *argv[sizeof(words) / sizeof(words[0]) + 2] = { NULL };
    int argc = 0;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        argv[argc++] = words[i];
    }
    argv[argc++] = path;
    mcpp_set_out_func(put_character, put_string, put_format);
    mcpp_lib_main(argc, argv);
}

static char *run_locked(char *path)
{
    char *text = NULL;
    size_t size;

    output = open_memstream(&text, &size);
    if (output) {
        run(path);
        fclose(output);
    }
    return text;
}

char *preprocess(const char *text, size_t length)
{
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    char *result;

    if (snprintf(path, sizeof(path), "%s/vgpu-stub-XXXXXX",
                 folder ? folder : P_tmpdir) >= (int)sizeof(path) ||
        !make_file(path, text, length)) {
        return NULL;
    }
    pthread_mutex_lock(&running);
    result = run_locked(path);
    pthread_mutex_unlock(&running);
    unlink(path);
    return result;
}
