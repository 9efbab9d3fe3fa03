/*
 * OpenCL in the guest: the lines of a source, as a preprocessor sees them
 *
 * SPDX-License-Identifier: MIT
 */
#include "lines.h"

#include <string.h>

/* What a part of a line is inside of; else the quote that it began with */
enum { CODE = 0, BLOCK = 1, REMARK = 2 };

/* Bytes of a backslash and what it takes along: the end of a line is one. */
static size_t escape_length(const char *at, const char *end)
{
    if (end - at > 2 && at[1] == '\r' && at[2] == '\n') {
        return 3;
    }
    return end - at > 1 ? 2 : 1;
}

static bool is_pair(const char *at, const char *end, char first, char second)
{
    return end - at > 1 && at[0] == first && at[1] == second;
}

/* Goes on by one character, or two that belong together. */
static const char *step(const char *at, const char *end, int *inside)
{
    if (*inside == BLOCK) {
        if (!is_pair(at, end, '*', '/')) {
            return at + 1;
        }
        *inside = CODE;
        return at + 2;
    }
    if (*at == '\\') {
        return at + escape_length(at, end);
    }
    if (*inside == CODE && is_pair(at, end, '/', '*')) {
        *inside = BLOCK;
        return at + 2;
    }
    if (*inside == CODE && is_pair(at, end, '/', '/')) {
        *inside = REMARK;
    } else if (*inside == CODE && (*at == '"' || *at == '\'')) {
        *inside = *at;
    } else if (*inside == *at) {
        *inside = CODE;
    }
    return at + 1;
}

static const char *find_end(const char *at, const char *end)
{
    int inside = CODE;

    while (at < end) {
        if (*at == '\n' && inside != BLOCK) {
            return at + 1;
        }
        at = step(at, end, &inside);
    }
    return end;
}

/* Behind the comment at @at, or @at */
static const char *skip_comment(const char *at, const char *end)
{
    if (is_pair(at, end, '/', '/')) {
        return end;
    }
    if (!is_pair(at, end, '/', '*')) {
        return at;
    }
    for (at += 2; at < end; at++) {
        if (is_pair(at, end, '*', '/')) {
            return at + 2;
        }
    }
    return end;
}

const char *line_skip_space(const char *at, const char *end)
{
    while (at < end) {
        const char *from = at;

        if (*at == '\\' && escape_length(at, end) > 1 &&
            at[escape_length(at, end) - 1] == '\n') {
            at += escape_length(at, end);
        } else if (strchr(" \t\v\f\r\n", *at) && *at) {
            at++;
        } else {
            at = skip_comment(at, end);
        }
        if (at == from) {
            break;
        }
    }
    return at;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

size_t line_identifier(const char *at, const char *end)
{
    size_t length = 0;

    while (at + length < end &&
           (is_letter(at[length]) ||
            (length > 0 && at[length] >= '0' && at[length] <= '9'))) {
        length++;
    }
    return length;
}

bool line_next(const char **at, const char *end, struct line *line)
{
    const char *begin = *at;

    if (begin >= end) {
        return false;
    }
    *at = find_end(begin, end);
    *line = (struct line) { .text = begin, .length = *at - begin };
    begin = line_skip_space(begin, *at);
    if (begin < *at && *begin == '#') {
        line->word = line_skip_space(begin + 1, *at);
        line->word_length = line_identifier(line->word, *at);
        line->rest = line_skip_space(line->word + line->word_length, *at);
    }
    return true;
}

bool line_is(const struct line *line, const char *word)
{
    return line->word && line->word_length == strlen(word) &&
           memcmp(line->word, word, line->word_length) == 0;
}

unsigned line_count(const struct line *line)
{
    unsigned count = 0;

    for (size_t i = 0; i < line->length; i++) {
        count += line->text[i] == '\n';
    }
    return count;
}
