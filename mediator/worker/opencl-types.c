/*
 * What a guest's program calls a type: which one is it?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "opencl-types.h"

#include <string.h>

/*
 * What may be an argument and is not what its bytes are. The queue that kernels
 * give others to is not in all versions of the language, so that the compiler
 * cannot be asked for it: it is known by its name alone.
 */
#define SAMPLER "sampler_t"
#define QUEUE "queue_t"

/* Always the compiler's own: the program cannot have them mean anything else. */
static const char *const numbers[] = {
    "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong",
    "float", NULL,
};

static bool is_part(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* What the program has defined as macros must not change the question. */
static void undefine(GString *text, const char *words)
{
    while (*words != '\0') {
        size_t length = 0;

        while (is_part(words[length])) {
            length++;
        }
        if (length > 0) {
            g_string_append_printf(text, "#undef %.*s\n", (int)length, words);
        }
        words += MAX(length, 1);
    }
}

/*
 * Does @text go on compiling with @claim behind it, in which these @words are no
 * macros of the text's? The empty line ends what its last line has begun.
 */
static bool holds(const Backend *backend, const char *text,
                  const char *options, const char *words, const char *claim)
{
    g_autoptr(GString) question = g_string_new(text);
    const char *source;
    cl_program program;
    cl_int status;

    g_string_append(question, "\n\n");
    undefine(question, words);
    g_string_append(question, claim);
    source = question->str;
    program = cl.clCreateProgramWithSource(backend->context, 1, &source, NULL,
                                           &status);
    if (program == NULL) {
        return false;
    }
    status = cl.clCompileProgram(program, 1, &backend->device, options, 0,
                                 NULL, NULL, NULL, NULL);
    cl.clReleaseProgram(program);
    return status == CL_SUCCESS;
}

/* @negation: "!", or "" */
static bool ask(const Backend *backend, const char *text, const char *options,
                const char *negation, const char *name, const char *type)
{
    g_autofree char *words = g_strdup_printf(
        "_Static_assert __builtin_types_compatible_p %s %s", name, type);
    g_autofree char *claim = g_strdup_printf(
        "_Static_assert(%s__builtin_types_compatible_p(%s, %s), \"\");\n",
        negation, name, type);

    return holds(backend, text, options, words, claim);
}

bool opencl_type_is(const Backend *backend, const char *text,
                    const char *options, const char *name, const char *type)
{
    return ask(backend, text, options, "", name, type);
}

/* The program's source, to be freed with g_free(); NULL: it has NULs. */
static char *source(cl_program program)
{
    g_autofree char *text = NULL;
    size_t size = 0;

    if (cl.clGetProgramInfo(program, CL_PROGRAM_SOURCE, 0, NULL,
                            &size) != CL_SUCCESS) {
        return NULL;
    }
    text = g_malloc0(size + 1);
    if (cl.clGetProgramInfo(program, CL_PROGRAM_SOURCE, size, text,
                            NULL) != CL_SUCCESS ||
        strlen(text) + 1 < size) {
        return NULL;
    }
    return g_steal_pointer(&text);
}

/* A number, or a vector of them: "float4" */
static bool is_number(const char *name)
{
    g_autofree char *base = g_strdup(name);
    static const char *const widths[] = { "2", "3", "4", "8", "16", "" };

    for (size_t i = 0; i < G_N_ELEMENTS(widths); i++) {
        if (g_str_has_suffix(name, widths[i])) {
            base[strlen(name) - strlen(widths[i])] = '\0';
            return g_strv_contains(numbers, base);
        }
    }
    return false;
}

bool opencl_type_is_plain(const Backend *backend, cl_program program,
                          const char *options, const char *name)
{
    g_autofree char *text = NULL;

    if (is_number(name)) {
        return true;
    }
    if (g_str_equal(name, SAMPLER) || g_str_equal(name, QUEUE)) {
        return false;
    }
    text = source(program);
    return text != NULL && ask(backend, text, options, "!", name, SAMPLER);
}

bool opencl_type_is_free(const Backend *backend, cl_program program,
                         const char *options, const char *name)
{
    g_autofree char *text = source(program);
    g_autofree char *words = NULL;
    g_autofree char *claim = NULL;

    for (const char *c = name; *c != '\0'; c++) {
        if (!is_part(*c)) {
            return false;
        }
    }
    /* No other type is this one. */
    words = g_strconcat("typedef struct vgpu_stub_nobody ", name, NULL);
    claim = g_strdup_printf("typedef struct vgpu_stub_nobody *%s;\n", name);
    return text != NULL && holds(backend, text, options, words, claim);
}
