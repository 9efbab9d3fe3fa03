/*
 * OpenCL in the guest: a source as lines and includes, in whose place files are
 *
 * SPDX-License-Identifier: MIT
 */
#include "source-tree.h"

#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "lines.h"

void source_tree_clear(struct tree *tree)
{
    struct piece *piece = tree->pieces;

    while (piece) {
        struct piece *next = piece->next;

        if (piece->tree) {
            source_tree_clear(piece->tree);
            source_file_clear(&piece->tree->file);
            free(piece->tree);
        }
        free(piece);
        piece = next;
    }
    tree->pieces = NULL;
}

static bool is_once(const struct line *line)
{
    const char *end = line->text + line->length;

    return line_is(line, "pragma") &&
           line_identifier(line->rest, end) == strlen("once") &&
           memcmp(line->rest, "once", strlen("once")) == 0;
}

bool source_tree_parse(struct tree *tree)
{
    const char *at = tree->file.text;
    const char *end = at + tree->file.length;
    struct piece **to = &tree->pieces;
    struct piece *piece = NULL;
    unsigned number = 1;
    struct line line;

    while (line_next(&at, end, &line)) {
        const bool include = line_is(&line, "include");
        const bool once = is_once(&line);

        number += line_count(&line);
        tree->once |= once;
        if (!piece || piece->include || piece->once || include || once) {
            piece = calloc(1, sizeof(*piece));
            if (!piece) {
                return false;
            }
            *to = piece;
            to = &piece->next;
            piece->parent = tree;
            piece->text = line.text;
            piece->include = include ? line.rest : NULL;
            piece->once = once;
        }
        piece->length += line.length;
        piece->line = number;
    }
    return true;
}

/* Those that matter for whether others count */
static void write_directives(const char *text, size_t length, FILE *to)
{
    static const char *const words[] = {
        "define", "undef", "if", "ifdef", "ifndef", "elif", "else", "endif",
    };
    const char *at = text;
    struct line line;

    while (line_next(&at, text + length, &line)) {
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (line_is(&line, words[i])) {
                fwrite(line.text, 1, line.length, to);
                fputc('\n', to);
            }
        }
    }
}

/* A file that says so counts once, whichever of its includes counts first. */
static void write_guard(const struct tree *tree, FILE *to)
{
    if (tree->once) {
        const unsigned long long number = checksum(tree->file.name,
                                                   strlen(tree->file.name));

        fprintf(to, "#ifndef VGPU_STUB_%llX\n#define VGPU_STUB_%llX\n",
                number, number);
    }
}

static void write_guard_end(const struct tree *tree, FILE *to)
{
    if (tree->once) {
        fputs("#endif\n", to);
    }
}

bool source_tree_write_directives(const struct tree *tree, FILE *to,
                                  bool (*write_open)(struct piece *piece,
                                                     FILE *to, void *opaque),
                                  void *opaque)
{
    bool written = true;

    write_guard(tree, to);
    for (struct piece *piece = tree->pieces; piece && written;
         piece = piece->next) {
        if (piece->tree) {
            written = source_tree_write_directives(piece->tree, to,
                                                   write_open, opaque);
        } else if (piece->include && !piece->missing) {
            written = write_open(piece, to, opaque);
        } else if (!piece->include) {
            write_directives(piece->text, piece->length, to);
        }
    }
    write_guard_end(tree, to);
    return written;
}

/* What the next line is, for messages */
static void write_place(unsigned line, const struct tree *tree, FILE *to)
{
    fprintf(to, "#line %u \"", line);
    for (const char *c = tree->file.name; *c; c++) {
        if (*c == '"' || *c == '\\') {
            fputc('\\', to);
        }
        fputc(*c == '\n' ? ' ' : *c, to);
    }
    fputs("\"\n", to);
}

void source_tree_write(const struct tree *tree, FILE *to)
{
    write_guard(tree, to);
    write_place(1, tree, to);
    for (const struct piece *piece = tree->pieces; piece;
         piece = piece->next) {
        if (piece->tree) {
            source_tree_write(piece->tree, to);
        }
        if (piece->tree || piece->once) {
            write_place(piece->line, tree, to);
        } else {
            fwrite(piece->text, 1, piece->length, to);
        }
    }
    fputc('\n', to);
    write_guard_end(tree, to);
}
