/*
 * OpenCL in the guest: what the conditions of a source depend on
 *
 * SPDX-License-Identifier: MIT
 */
#include "conditions.h"

#include <stdlib.h>
#include <string.h>

#include "lines.h"

bool names_have(const struct names *names, const char *name, size_t length)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strncmp(names->names[i], name, length) == 0 &&
            !names->names[i][length]) {
            return true;
        }
    }
    return false;
}

bool names_add(struct names *names, const char *name, size_t length)
{
    char **grown;

    if (names_have(names, name, length)) {
        return true;
    }
    grown = realloc(names->names, (names->count + 1) * sizeof(*grown));
    if (!grown) {
        return false;
    }
    names->names = grown;
    grown[names->count] = strndup(name, length);
    return grown[names->count++];
}

void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->names[i]);
    }
    free(names->names);
    *names = (struct names) { .count = 0 };
}

/* The language's own word, and what can only stand in a condition */
static bool is_operator(const char *name, size_t length)
{
    static const char has[] = "__has_";

    return (length == strlen("defined") &&
            memcmp(name, "defined", length) == 0) ||
           (length >= strlen(has) && memcmp(name, has, strlen(has)) == 0);
}

static bool add_all(struct names *names, const char *at, const char *end)
{
    while (at < end) {
        const size_t length = line_identifier(at, end);

        if (length > 0 && !is_operator(at, length) &&
            !names_add(names, at, length)) {
            return false;
        }
        at += length > 0 ? length : 1;
    }
    return true;
}

static bool is_condition(const struct line *line)
{
    return line_is(line, "if") || line_is(line, "elif") ||
           line_is(line, "ifdef") || line_is(line, "ifndef");
}

/* Of conditions, and of the definitions of what is known so far */
static bool look(struct names *names, const char *text, size_t length)
{
    const char *at = text;
    struct line line;

    while (line_next(&at, text + length, &line)) {
        const char *end = line.text + line.length;

        if (!is_condition(&line) &&
            !(line_is(&line, "define") &&
              names_have(names, line.rest,
                         line_identifier(line.rest, end)))) {
            continue;
        }
        if (!add_all(names, line.rest, end)) {
            return false;
        }
    }
    return true;
}

bool conditions_find(struct names *names, const char *text, size_t length)
{
    size_t before;

    do {
        before = names->count;
        if (!look(names, text, length)) {
            return false;
        }
    } while (names->count > before);
    return true;
}
