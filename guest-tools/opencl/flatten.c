/*
 * OpenCL in the guest: sources in which the files that they include are
 *
 * Whether an include counts depends on conditions, and its name may be a macro.
 * So a preprocessor is given the directives, with a mark in the place of each
 * include; those marks that it leaves count. What they include is put in their
 * place, until there are no more. Where others are left, whose conditions may
 * depend on what the host's compiler defines, that is asked for.
 *
 * An include that is put in without need does no harm: it is in the host's
 * conditions, too.
 *
 * SPDX-License-Identifier: MIT
 */
#include "flatten.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conditions.h"
#include "lines.h"
#include "macros.h"
#include "options.h"
#include "preprocess.h"
#include "source-tree.h"

#define MARK "vgpu_stub_include_"

/* What includes more does so without end. */
#define DEPTH_MAX 200
#define INCLUDES_MAX 16384

/* What messages call the program's own source */
#define SOURCE_NAME "program.cl"

struct flattening {
    const struct search *search;
    struct tree root;
    size_t size;                /* bytes of all files */
    size_t found_out;           /* includes that count, found or not */
    struct piece **open;        /* includes without a tree, by their marks */
    size_t num_open;
};

bool flatten_is_needed(const char *text, size_t length)
{
    const char *at = text;
    struct line line;

    while (line_next(&at, text + length, &line)) {
        if (line_is(&line, "include")) {
            return true;
        }
    }
    return false;
}

/* A number of their own, so that the preprocessor says which are left */
static bool write_mark(struct piece *piece, FILE *to, void *opaque)
{
    struct flattening *all = opaque;
    const char *end = piece->text + piece->length;
    struct piece **grown = realloc(all->open, (all->num_open + 1) *
                                              sizeof(*grown));

    if (!grown) {
        return false;
    }
    all->open = grown;
    fprintf(to, MARK "%zu ", all->num_open);
    all->open[all->num_open++] = piece;
    /* One that is a macro is to be replaced. */
    if (line_identifier(piece->include, end) > 0) {
        fwrite(piece->include, 1, end - piece->include, to);
    }
    fputc('\n', to);
    return true;
}

/* --- Includes --- */

/* The name in "…" or <…>, from @at on; NULL: there is none. */
static char *read_name(const char *at, const char *end, bool *quoted)
{
    const char *close;

    at = line_skip_space(at, end);
    if (at == end || (*at != '"' && *at != '<')) {
        return NULL;
    }
    *quoted = *at == '"';
    close = memchr(at + 1, *quoted ? '"' : '>', end - at - 1);
    return close ? strndup(at + 1, close - at - 1) : NULL;
}

/* Those from macros come with spaces between their parts. */
static void remove_space(char *name)
{
    char *to = name;

    for (const char *from = name; *from; from++) {
        if (*from != ' ') {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* The file becomes a tree in the place of @piece. */
static cl_int grow(struct flattening *all, struct piece *piece,
                   struct source_file *file, unsigned depth)
{
    struct tree *tree = calloc(1, sizeof(*tree));

    if (!tree) {
        source_file_clear(file);
        return CL_OUT_OF_HOST_MEMORY;
    }
    tree->file = *file;
    tree->depth = depth;
    piece->tree = tree;
    all->size += file->length;
    if (depth > DEPTH_MAX || all->found_out > INCLUDES_MAX ||
        all->size > VGPU_STUB_CL_SOURCE_MAX) {
        return CL_INVALID_VALUE;
    }
    return source_tree_parse(tree) ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
}

/* An include that counts. @at to @end: what it includes, without macros */
static cl_int resolve(struct flattening *all, struct piece *piece,
                      const char *at, const char *end)
{
    const struct tree *parent = piece->parent;
    struct source_file file;
    bool quoted = true;
    char *name = read_name(at, end, &quoted);
    bool found;

    if (name && !quoted) {
        remove_space(name);
    }
    found = name && source_file_find(&file, all->search, name, quoted,
                                     parent->file.name);
    free(name);
    piece->missing = !found;
    all->found_out++;
    return found ? grow(all, piece, &file, parent->depth + 1) : CL_SUCCESS;
}

/* --- Rounds --- */

/* What the preprocessor is given; NULL: no memory. *@size: bytes */
static char *make_directives(struct flattening *all, const char *macros,
                             size_t *size)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, size);
    bool written;

    if (!to) {
        return NULL;
    }
    all->num_open = 0;
    options_write_macros(all->search->options, to);
    fputs(macros, to);
    written = source_tree_write_directives(&all->root, to, write_mark,
                                           all);
    if (fclose(to) != 0 || !written) {
        free(text);
        return NULL;
    }
    return text;
}

/* The mark in @line, which is left; what it includes, if that is a macro. */
static cl_int take_mark(struct flattening *all, const char *line,
                        const char *end)
{
    struct piece *piece;
    char *rest;
    size_t number = strtoul(line, &rest, 10);

    if (number >= all->num_open) {
        return CL_SUCCESS;      /* the source has it by itself */
    }
    piece = all->open[number];
    if (piece->tree || piece->missing) {
        return CL_SUCCESS;
    }
    return line_identifier(piece->include, piece->text + piece->length) > 0
           ? resolve(all, piece, rest, end)
           : resolve(all, piece, piece->include, piece->text + piece->length);
}

static cl_int take_marks(struct flattening *all, const char *text)
{
    cl_int status = CL_SUCCESS;

    while (status == CL_SUCCESS && (text = strstr(text, MARK))) {
        text += strlen(MARK);
        status = take_mark(all, text, text + strcspn(text, "\n"));
    }
    return status;
}

/* Put in what counts, with these macros, until there is no more. */
static cl_int run_rounds(struct flattening *all, const char *macros)
{
    cl_int status = CL_SUCCESS;
    size_t before, size;

    do {
        char *directives = make_directives(all, macros, &size);
        char *left = directives ? preprocess(directives, size) : NULL;

        before = all->found_out;
        status = left ? take_marks(all, left) : CL_OUT_OF_HOST_MEMORY;
        free(left);
        free(directives);
    } while (status == CL_SUCCESS && all->found_out > before);
    return status;
}

/* Ask for what the conditions look at; *@grown: there are more macros. */
static cl_int ask(struct flattening *all, struct host *host, char **macros,
                  bool *grown)
{
    struct names names = { .count = 0 };
    size_t size;
    char *text = make_directives(all, "", &size);
    cl_int status = CL_OUT_OF_HOST_MEMORY;
    char *known = NULL;

    if (text && conditions_find(&names, text, size)) {
        status = macros_ask(host, all->search->options, &names, &known);
    }
    *grown = known && strcmp(known, *macros) != 0;
    if (known) {
        free(*macros);
        *macros = known;
    }
    names_clear(&names);
    free(text);
    return status;
}

static cl_int find_all(struct flattening *all, struct host *host)
{
    char *macros = calloc(1, 1);
    cl_int status = macros ? run_rounds(all, macros) : CL_OUT_OF_HOST_MEMORY;
    bool grown = true;

    while (status == CL_SUCCESS && all->num_open > 0 && grown) {
        status = ask(all, host, &macros, &grown);
        if (status == CL_SUCCESS && grown) {
            status = run_rounds(all, macros);
        }
    }
    free(macros);
    return status;
}

static cl_int write_flat(const struct flattening *all, char **flat,
                         size_t *length)
{
    FILE *to = open_memstream(flat, length);

    if (!to) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    source_tree_write(&all->root, to);
    if (fclose(to) != 0) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    return *length <= VGPU_STUB_CL_SOURCE_MAX ? CL_SUCCESS : CL_INVALID_VALUE;
}

cl_int flatten(struct host *host, const struct search *search,
               const char *text, size_t *length, char **flat)
{
    struct flattening all = {
        .search = search,
        .root.file = {
            .name = (char *)SOURCE_NAME, .text = (char *)text,
            .length = *length,
        },
        .size = *length,
    };
    cl_int status = source_tree_parse(&all.root) ? find_all(&all, host)
                                     : CL_OUT_OF_HOST_MEMORY;

    *flat = NULL;
    if (status == CL_SUCCESS) {
        status = write_flat(&all, flat, length);
    }
    if (status != CL_SUCCESS) {
        free(*flat);
        *flat = NULL;
    }
    free(all.open);
    source_tree_clear(&all.root);
    return status;
}
