/*
 * Options: which a guest may give the host's compiler and linker
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

/*
 * It asks for more errors of what enqueues on a device, which there is not here, and
 * drivers make other things of it.
 */
#define DEBUGGING "-g"

static const char *const compiler_flags[] = {
    OURS, DEBUGGING, "-w", "-Werror", "-cl-single-precision-constant",
    "-cl-denorms-are-zero", "-cl-fp32-correctly-rounded-divide-sqrt",
    "-cl-opt-disable", "-cl-strict-aliasing", "-cl-uniform-work-group-size",
    "-cl-no-subgroup-ifp", "-cl-mad-enable", "-cl-no-signed-zeros",
    "-cl-unsafe-math-optimizations", "-cl-finite-math-only",
    "-cl-fast-relaxed-math", "-cl-std=CL1.0", "-cl-std=CL1.1",
    "-cl-std=CL1.2", "-cl-std=CL2.0", "-cl-std=CL3.0", NULL,
};

#define LIBRARY "-create-library"

static const char *const linker_flags[] = {
    LIBRARY, "-enable-link-options", "-cl-denorms-are-zero",
    "-cl-no-signed-zeros", "-cl-no-signed-zeroes",
    "-cl-unsafe-math-optimizations", "-cl-finite-math-only",
    "-cl-fast-relaxed-math", "-cl-no-subgroup-ifp", NULL,
};

/* NAME or NAME=ANYTHING, as it stands behind -D */
static bool is_definition(const char *word)
{
    return g_ascii_isalpha(*word) || *word == '_';
}

static bool is_compilers(char **words, size_t *at)
{
    const char *word = words[*at];

    if (strncmp(word, "-D", 2) != 0) {
        return g_strv_contains(compiler_flags, word);
    }
    if (word[2] != '\0') {
        return is_definition(word + 2);
    }
    /* The next word is what it defines. */
    ++*at;
    return words[*at] != NULL && is_definition(words[*at]);
}

static bool is_linkers(char **words, size_t *at)
{
    return g_strv_contains(linker_flags, words[*at]);
}

/* Moves those that are not @word to the front. */
static void drop(char **words, const char *word)
{
    char **to = words;

    for (char **from = words; *from != NULL; from++) {
        if (g_str_equal(*from, word)) {
            g_free(*from);
        } else {
            *to++ = *from;
        }
    }
    *to = NULL;
}

/* The words of all options, if @is_allowed lets each of them pass; or NULL */
static char **take_words(const uint8_t *bytes, size_t length,
                         bool (*is_allowed)(char **words, size_t *at))
{
    g_autofree char *text = g_strndup((const char *)bytes, length);
    g_auto(GStrv) words = NULL;

    if (strlen(text) != length) {
        return NULL;
    }
    words = g_strsplit_set(text, SPACE, -1);
    drop(words, "");
    for (size_t i = 0; words[i] != NULL; i++) {
        if (!is_allowed(words, &i)) {
            return NULL;
        }
    }
    return g_steal_pointer(&words);
}

static char *join(char **words)
{
    g_autofree char *joined = g_strjoinv(" ", words);

    return g_strconcat(OURS " ", joined, NULL);
}

char *cl_options_make(const uint8_t *bytes, size_t length)
{
    g_auto(GStrv) words = take_words(bytes, length, is_compilers);

    if (words == NULL) {
        return NULL;
    }
    drop(words, DEBUGGING);
    return join(words);
}

char *cl_link_options_make(const uint8_t *bytes, size_t length,
                           bool *is_library)
{
    g_auto(GStrv) words = take_words(bytes, length, is_linkers);

    if (words == NULL) {
        return NULL;
    }
    *is_library = g_strv_contains((const char *const *)words, LIBRARY);
    return join(words);
}

const char *cl_link_options_own(const char *options)
{
    return options + strlen(OURS " ");
}
