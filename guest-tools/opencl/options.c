/*
 * OpenCL in the guest: a build's options
 *
 * SPDX-License-Identifier: MIT
 */
#include "options.h"

#include <stdbool.h>
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

char *options_for_host(const char *options)
{
    char *result = malloc(strlen(options) + 1);
    char *end = result;

    if (!result) {
        return NULL;
    }
    for (const char *word = skip_space(options); *word;) {
        size_t length = word_length(word);

        if (strncmp(word, "-I", 2) != 0) {
            if (end > result) {
                *end++ = ' ';
            }
            memcpy(end, word, length);
            end += length;
        } else if (length == 2) {
            /* The next word is the folder. */
            word = skip_space(word + length);
            length = word_length(word);
        }
        word = skip_space(word + length);
    }
    *end = '\0';
    return result;
}
