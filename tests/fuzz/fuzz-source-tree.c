/*
 * Any bytes as a source that OpenCL's driver in a guest looks through for what
 * it includes
 *
 * Whatever they are, the parts that it is taken into are all of it, in order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conditions.h"
#include "source-tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool write_open(struct piece *piece, FILE *to, void *opaque)
{
    (void)opaque;
    fwrite(piece->include, 1, piece->text + piece->length - piece->include,
           to);
    return true;
}

static void check_pieces(const struct tree *tree)
{
    const char *at = tree->file.text;

    for (const struct piece *piece = tree->pieces; piece;
         piece = piece->next) {
        if (piece->text != at || piece->parent != tree ||
            (piece->include && (piece->include < piece->text ||
                                piece->include > at + piece->length))) {
            abort();
        }
        at += piece->length;
    }
    if (at != tree->file.text + tree->file.length) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    /* A copy of its size, so that a byte too much is seen */
    char *text = malloc(size);
    struct tree tree = {
        .file = { .name = (char *)"a/b.h", .text = text, .length = size },
    };
    struct names names = { .count = 0 };
    char *written = NULL;
    size_t length;
    FILE *to = open_memstream(&written, &length);

    memcpy(text, bytes, size);
    if (!source_tree_parse(&tree)) {
        abort();
    }
    check_pieces(&tree);
    source_tree_write_directives(&tree, to, write_open, NULL);
    source_tree_write(&tree, to);
    fclose(to);
    conditions_find(&names, text, size);
    names_clear(&names);
    source_tree_clear(&tree);
    free(written);
    free(text);
    return 0;
}
