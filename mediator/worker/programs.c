/*
 * Compiled programs: each is compiled once, whoever brings it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "programs.h"

/* So many are kept; a guest that brings more has them compiled again. */
#define MAX_PROGRAMS 64

struct Programs {
    const BackendClass *class;
    Backend *backend;
    GHashTable *compiled;       /* BackendProgram by the text's SHA-256 */
};

Programs *programs_new(const BackendClass *class, Backend *backend)
{
    Programs *programs = g_new(Programs, 1);

    *programs = (Programs) {
        .class = class,
        .backend = backend,
        .compiled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          NULL),
    };
    return programs;
}

static gboolean unbuild(gpointer key G_GNUC_UNUSED, gpointer value,
                        gpointer opaque)
{
    Programs *programs = opaque;

    programs->class->unbuild(programs->backend, value);
    return TRUE;
}

void programs_free(Programs *programs)
{
    g_hash_table_foreach_remove(programs->compiled, unbuild, programs);
    g_hash_table_unref(programs->compiled);
    g_free(programs);
}

BackendProgram *programs_get(Programs *programs, const char *text,
                             GError **error)
{
    g_autofree char *digest = g_compute_checksum_for_string(
        G_CHECKSUM_SHA256, text, -1);
    BackendProgram *program = g_hash_table_lookup(programs->compiled, digest);

    if (program != NULL) {
        return program;
    }
    program = programs->class->build(programs->backend, text, error);
    if (program == NULL) {
        return NULL;
    }
    if (g_hash_table_size(programs->compiled) >= MAX_PROGRAMS) {
        g_hash_table_foreach_remove(programs->compiled, unbuild, programs);
    }
    g_hash_table_insert(programs->compiled, g_steal_pointer(&digest),
                        program);
    return program;
}
