/*
 * OpenCL in the guest: a build's options
 *
 * SPDX-License-Identifier: MIT
 */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#define SPACE " \t\n\v\f\r"

/* Of what is quoted, space is a part. */
static size_t word_length(const char *text)
{
    bool quoted = false;
    size_t length = 0;

    while (text[length] && (quoted || !strchr(SPACE, text[length]))) {
        quoted ^= text[length] == '"';
        length++;
    }
    return length;
}

static const char *skip_space(const char *text)
{
    return text + strspn(text, SPACE);
}

/* What @option is about, which ends at @end; it may be the next word. */
static const char *take_value(struct option *option, const char *end)
{
    option->value = option->text + 2;
    if (option->value == end) {
        option->value = skip_space(end);
        end = option->value + word_length(option->value);
    }
    option->value_length = end - option->value;
    if (option->value_length > 1 && *option->value == '"' && end[-1] == '"') {
        option->value++;
        option->value_length -= 2;
    }
    return end;
}

bool option_next(const char **at, struct option *option)
{
    const char *text = skip_space(*at);
    const char *end = text + word_length(text);

    *option = (struct option) { .text = text };
    if (strncmp(text, "-D", 2) == 0) {
        option->kind = OPTION_MACRO;
    } else if (strncmp(text, "-I", 2) == 0) {
        option->kind = OPTION_FOLDER;
    }
    if (option->kind != OPTION_OTHER) {
        end = take_value(option, end);
    }
    option->length = end - text;
    *at = end;
    return *text;
}

bool options_have(const char *options, const char *word)
{
    struct option option;

    while (option_next(&options, &option)) {
        if (option.length == strlen(word) &&
            memcmp(option.text, word, option.length) == 0) {
            return true;
        }
    }
    return false;
}

/* Those of other kinds than @left_out */
static char *filter(const char *options, unsigned left_out)
{
    char *result = malloc(strlen(options) + 1);
    char *end = result;
    struct option option;

    while (result && option_next(&options, &option)) {
        if (left_out & 1u << option.kind) {
            continue;
        }
        if (end > result) {
            *end++ = ' ';
        }
        memcpy(end, option.text, option.length);
        end += option.length;
    }
    if (result) {
        *end = '\0';
    }
    return result;
}

char *options_for_host(const char *options)
{
    return filter(options, 1u << OPTION_FOLDER);
}

char *options_of_compiler(const char *options)
{
    return filter(options, 1u << OPTION_FOLDER | 1u << OPTION_MACRO);
}

/* NAME, NAME=VALUE, NAME(PARAMETERS)=VALUE */
static void write_macro(const struct option *option, FILE *to)
{
    const char *equals = memchr(option->value, '=', option->value_length);
    const int name = equals ? equals - option->value
                            : (int)option->value_length;

    if (equals) {
        fprintf(to, "#define %.*s %.*s\n", name, option->value,
                (int)option->value_length - name - 1, equals + 1);
    } else {
        fprintf(to, "#define %.*s 1\n", name, option->value);
    }
}

void options_write_macros(const char *options, FILE *to)
{
    struct option option;

    while (option_next(&options, &option)) {
        if (option.kind == OPTION_MACRO && option.value_length > 0) {
            write_macro(&option, to);
        }
    }
}
