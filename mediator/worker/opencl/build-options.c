/*
 * Options of a build: which a guest may give the host's compiler
 *
 * Drivers split options at white space, and some know quotes. What is made here
 * means the same to both: no word of it is split again, and only behind -D is
 * there anything that is not in these lists.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "build-options.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define SPACE " \t\n\v\f\r"

/* The arguments' kinds are needed to check what a guest gives. */
#define OURS "-cl-kernel-arg-info"

static const char *const flags[] = {
    OURS, "-w", "-Werror", "-cl-single-precision-constant",
    "-cl-denorms-are-zero", "-cl-fp32-correctly-rounded-divide-sqrt",
    "-cl-opt-disable", "-cl-strict-aliasing", "-cl-uniform-work-group-size",
    "-cl-no-subgroup-ifp", "-cl-mad-enable", "-cl-no-signed-zeros",
    "-cl-unsafe-math-optimizations", "-cl-finite-math-only",
    "-cl-fast-relaxed-math", "-cl-std=CL1.0", "-cl-std=CL1.1",
    "-cl-std=CL1.2", "-cl-std=CL2.0", "-cl-std=CL3.0", NULL,
};

/* NAME or NAME=ANYTHING, as it stands behind -D */
static bool is_definition(const char *word)
{
    return g_ascii_isalpha(*word) || *word == '_';
}

static bool is_allowed(char **words, size_t *at)
{
    const char *word = words[*at];

    if (strncmp(word, "-D", 2) != 0) {
        return g_strv_contains(flags, word);
    }
    if (word[2] != '\0') {
        return is_definition(word + 2);
    }
    /* The next word is what it defines. */
    ++*at;
    return words[*at] != NULL && is_definition(words[*at]);
}

/* Moves what is not empty to the front. */
static void drop_empty(char **words)
{
    char **to = words;

    for (char **from = words; *from != NULL; from++) {
        if (**from == '\0') {
            g_free(*from);
        } else {
            *to++ = *from;
        }
    }
    *to = NULL;
}

char *cl_options_make(const uint8_t *bytes, size_t length)
{
    g_autofree char *text = g_strndup((const char *)bytes, length);
    g_autofree char *joined = NULL;
    g_auto(GStrv) words = NULL;

    if (strlen(text) != length) {
        return NULL;
    }
    words = g_strsplit_set(text, SPACE, -1);
    drop_empty(words);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (!is_allowed(words, &i)) {
            return NULL;
        }
    }
    joined = g_strjoinv(" ", words);
    return g_strconcat(OURS " ", joined, NULL);
}
