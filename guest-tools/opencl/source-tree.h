/*
 * OpenCL in the guest: a source as lines and includes, in whose place files are
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_SOURCE_TREE_H
#define OPENCL_SOURCE_TREE_H

#include <stdio.h>

#include "source-file.h"

/* A part of a file: lines, or an include */
struct piece {
    struct piece *next;
    const struct tree *parent;  /* the file that it is in */
    const char *text;
    size_t length;              /* bytes */
    unsigned line;              /* behind it, from 1 on */
    const char *include;        /* what it includes, as it stands there; NULL */
    bool missing;
    bool once;                  /* it is the directive for that, done here */
    struct tree *tree;          /* what is in its place; NULL */
};

struct tree {
    struct source_file file;
    unsigned depth;
    bool once;                  /* it says so */
    struct piece *pieces;
};

/* Take the file apart; false: no memory. */
bool source_tree_parse(struct tree *tree);

/* Frees what it has, but for the file. */
void source_tree_clear(struct tree *tree);

/*
 * Write its directives, and what @write_open writes in the place of an include
 * that nothing is known of; false when that fails.
 */
bool source_tree_write_directives(const struct tree *tree, FILE *to,
                                  bool (*write_open)(struct piece *piece,
                                                     FILE *to, void *opaque),
                                  void *opaque);

/* Write all of it, with marks that say where each line is from. */
void source_tree_write(const struct tree *tree, FILE *to);

#endif /* OPENCL_SOURCE_TREE_H */
