/*
 * What a linked program was compiled from
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "origins.h"

#include "worker/opencl-types.h"

/* Sources, and libraries of libraries: each is asked about a type. */
#define ORIGINS_MAX VGPU_STUB_CL_LINK_MAX

typedef struct ClOrigin {
    ClProgram *program;         /* with a reference */
    char *options;
} ClOrigin;

static void origin_free(gpointer data)
{
    ClOrigin *origin = data;

    cl_object_unref(&origin->program->base);
    g_free(origin->options);
    g_free(origin);
}

static void add(GPtrArray *origins, ClProgram *program, const char *options)
{
    ClOrigin *origin = g_new(ClOrigin, 1);

    cl_object_ref(&program->base);
    origin->program = program;
    origin->options = g_strdup(options);
    g_ptr_array_add(origins, origin);
}

static void add_all(GPtrArray *origins, ClProgram *program)
{
    if (program->origins == NULL) {
        add(origins, program, program->options);
        return;
    }
    for (guint i = 0; i < program->origins->len; i++) {
        const ClOrigin *origin = g_ptr_array_index(program->origins, i);

        add(origins, origin->program, origin->options);
    }
}

GPtrArray *cl_origins_new(ClProgram *const *programs, unsigned count)
{
    GPtrArray *origins = g_ptr_array_new_with_free_func(origin_free);

    for (unsigned i = 0; i < count; i++) {
        add_all(origins, programs[i]);
        if (origins->len > ORIGINS_MAX) {
            g_ptr_array_unref(origins);
            return NULL;
        }
    }
    return origins;
}

/*
 * Whichever of the sources the kernel is from: each says that the type is
 * plain, or has none of that name.
 */
static bool ask(const ClProgram *program, const char *type)
{
    const Backend *backend = program->session->backend;
    bool is_known = false;

    if (program->origins == NULL) {
        return opencl_type_is_plain(backend, program->program,
                                    program->options, type);
    }
    for (guint i = 0; i < program->origins->len; i++) {
        const ClOrigin *origin = g_ptr_array_index(program->origins, i);

        if (opencl_type_is_plain(backend, origin->program->program,
                                 origin->options, type)) {
            is_known = true;
        } else if (!opencl_type_is_free(backend, origin->program->program,
                                        origin->options, type)) {
            return false;
        }
    }
    return is_known;
}

bool cl_program_type_is_plain(ClProgram *program, const char *type)
{
    gpointer answer;

    if (!g_hash_table_lookup_extended(program->types, type, NULL, &answer)) {
        answer = GINT_TO_POINTER(ask(program, type));
        g_hash_table_insert(program->types, g_strdup(type), answer);
    }
    return GPOINTER_TO_INT(answer);
}
