/*
 * vgpu-stub run: what a kernel is given, from the command line
 *
 * SPDX-License-Identifier: MIT
 */
#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

/* Parse a decimal number that ends the text; false: it is none. */
static bool parse_u64(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

/*
 * The number in "@FILE" or "@FILE/BYTES": how often BYTES go into the size of
 * FILE. What exists as a whole is FILE: then what is before the slash is a
 * folder, which has no such size. Ends the program where that is none.
 */
static uint64_t measure_file(const char *text)
{
    char *path = strdup(text + 1);
    char *slash = path ? strrchr(path, '/') : NULL;
    uint64_t unit = 1;
    struct stat st;

    if (!path) {
        usage_error(text, strerror(ENOMEM));
    }
    if (slash && parse_u64(slash + 1, &unit) && lstat(path, &st) < 0) {
        *slash = '\0';
    } else {
        unit = 1;
    }
    if (stat(path, &st) < 0) {
        usage_error(path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        usage_error(path, "not a regular file, so it has no size");
    }
    free(path);
    if (unit == 0 || st.st_size % unit != 0) {
        usage_error(text, "the file's size is not a multiple of that");
    }
    return st.st_size / unit;
}

/* A number from 0 on, as it is or of a file; false: the text is neither. */
static bool parse_number(const char *text, uint64_t *value)
{
    if (text[0] == '@') {
        *value = measure_file(text);
        return true;
    }
    return parse_u64(text, value);
}

/* An integer of @bits bits, which are what is returned */
static uint64_t parse_integer(const char *text, unsigned bits)
{
    const uint64_t max = UINT64_MAX >> (64 - bits);
    const bool negative = text[0] == '-';
    uint64_t value;

    if (!parse_number(text + negative, &value) ||
        value > (negative ? max / 2 + 1 : max)) {
        usage_error(text, bits == 32 ? "not an integer of 32 bits"
                                     : "not an integer of 64 bits");
    }
    return (negative ? -value : value) & max;
}

static uint64_t parse_f32(const char *text)
{
    uint32_t bits;
    float value;
    char *end;

    value = strtof(text, &end);
    if (end == text || *end != '\0') {
        usage_error(text, "not a number");
    }
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static uint64_t parse_f64(const char *text)
{
    uint64_t bits;
    double value;
    char *end;

    value = strtod(text, &end);
    if (end == text || *end != '\0') {
        usage_error(text, "not a number");
    }
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Fill the buffer @argument from a file. Returns an exit status. */
static int read_file(struct argument *argument, const char *path)
{
    size_t room = 0, count;
    struct stat st;
    FILE *file;

    file = fopen(path, "re");
    if (!file) {
        return fail(path, "%s", strerror(errno));
    }
    if (fstat(fileno(file), &st) == 0 && st.st_size > 0) {
        room = st.st_size;
    }
    room++;         /* so that the end is found without another allocation */
    do {
        uint8_t *data = realloc(argument->data, room);

        if (!data) {
            fclose(file);
            return fail(path, "too large for this machine's memory");
        }
        argument->data = data;
        count = fread(data + argument->filled, 1, room - argument->filled,
                      file);
        argument->filled += count;
        if (argument->filled == room) {
            room *= 2;
        }
    } while (count > 0);
    if (ferror(file)) {
        fclose(file);
        return fail(path, "%s", strerror(errno));
    }
    fclose(file);
    argument->size = argument->filled ? argument->filled : 1;
    return EXIT_OK;
}

/* The size of the first buffer so far that comes from a file; 0: none */
static size_t first_input_size(const struct arguments *arguments)
{
    for (unsigned i = 0; i < arguments->count; i++) {
        if (arguments->list[i].kind == OPTION_IN) {
            return arguments->list[i].size;
        }
    }
    return 0;
}

/*
 * Make the buffer for "FILE" or "FILE:SIZE". Ends the program where there is no
 * size. Returns an exit status.
 */
static int make_output(const struct arguments *arguments,
                       struct argument *argument, const char *text)
{
    char *path = strdup(text);
    char *colon = path ? strrchr(path, ':') : NULL;
    uint64_t size = first_input_size(arguments);

    if (!path) {
        usage_error(text, strerror(ENOMEM));
    }
    if (colon && parse_number(colon + 1, &size)) {
        *colon = '\0';
    }
    if (size == 0 || size > SIZE_MAX) {
        usage_error(text, "how large is it? Give FILE:BYTES, or an --in "
                    "before it");
    }
    argument->size = size;
    argument->output = path;
    argument->data = calloc(1, size);
    return argument->data ? EXIT_OK : fail(path, "%s", strerror(ENOMEM));
}

static int make_argument(struct arguments *arguments,
                         const struct kernel_arg *from)
{
    struct argument *argument = &arguments->list[arguments->count];
    int status = EXIT_OK;

    *argument = (struct argument) { .kind = from->kind };
    switch (from->kind) {
    case OPTION_U32:
        argument->value = parse_integer(from->text, 32);
        break;
    case OPTION_U64:
        argument->value = parse_integer(from->text, 64);
        break;
    case OPTION_F32:
        argument->value = parse_f32(from->text);
        break;
    case OPTION_F64:
        argument->value = parse_f64(from->text);
        break;
    case OPTION_OUT:
        status = make_output(arguments, argument, from->text);
        break;
    case OPTION_INOUT:
        argument->output = strdup(from->text);
        /* fall through */
    default:
        status = read_file(argument, from->text);
    }
    arguments->count++;
    return status;
}

int read_arguments(const struct options *options, struct arguments *arguments)
{
    int status = EXIT_OK;

    arguments->count = 0;
    for (unsigned i = 0;
         i < options->kernel_arg_count && status == EXIT_OK; i++) {
        status = make_argument(arguments, &options->kernel_args[i]);
    }
    return status;
}

void free_arguments(struct arguments *arguments)
{
    for (unsigned i = 0; i < arguments->count; i++) {
        free(arguments->list[i].data);
        free(arguments->list[i].output);
    }
}
