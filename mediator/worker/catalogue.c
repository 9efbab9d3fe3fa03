/*
 * The kernels that the host's administrator offers: a folder
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "catalogue.h"

#include <string.h>

#define MANIFEST ".kernel"
#define GROUP_KERNEL "kernel"
#define GROUP_ARGS "args"

/* A size has at most this many factors: 4*m*n, for example. */
#define MAX_FACTORS 8

/* A constant, or the value of an argument */
typedef struct Factor {
    int argument;               /* its index, -1: a constant */
    uint64_t constant;
} Factor;

typedef struct Argument {
    const char *name;           /* in the manifest */
    uint32_t type;              /* VGPU_STUB_ARG_… */
    uint32_t access;            /* of a buffer: VGPU_STUB_ACCESS_… */
    unsigned factors;           /* its least size: their product, bytes */
    Factor factor[MAX_FACTORS];
} Argument;

struct CatalogueKernel {
    char *name;
    char *program;              /* NULL: none for this backend */
    uint64_t dimensions;        /* that it uses at most */
    gsize count;
    char **names;               /* of the arguments */
    Argument arguments[KERNEL_MAX_ARGUMENTS];
};

struct Catalogue {
    GHashTable *kernels;        /* CatalogueKernel by its name */
};

static bool G_GNUC_PRINTF(2, 3) wrong(GError **error, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    g_propagate_error(error, g_error_new_valist(
        G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE, format, values));
    va_end(values);
    return false;
}

/* Can guests be told it? */
static bool check_name(const char *name, GError **error)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && *c != '_') {
            return wrong(error, "'%s': a name has letters, digits and _",
                         name);
        }
    }
    return strlen(name) < VGPU_STUB_KERNEL_NAME_SIZE ||
           wrong(error, "'%s': a name has %d characters at most", name,
                 VGPU_STUB_KERNEL_NAME_SIZE - 1);
}

static int argument_index(const CatalogueKernel *kernel, const char *name)
{
    for (gsize i = 0; i < kernel->count; i++) {
        if (g_str_equal(kernel->arguments[i].name, name)) {
            return i;
        }
    }
    return -1;
}

static bool is_integer(const Argument *argument)
{
    return argument->type == VGPU_STUB_ARG_U32 ||
           argument->type == VGPU_STUB_ARG_U64;
}

/* The factors of @size: "4*m*n". All arguments have their types already. */
static bool parse_size(const CatalogueKernel *kernel, Argument *argument,
                       const char *size, GError **error)
{
    g_auto(GStrv) words = g_strsplit(size, "*", -1);

    argument->factors = g_strv_length(words);
    if (argument->factors == 0 || argument->factors > MAX_FACTORS) {
        return wrong(error, "%s: a size has 1 to %d factors",
                     argument->name, MAX_FACTORS);
    }
    for (unsigned i = 0; i < argument->factors; i++) {
        Factor *factor = &argument->factor[i];

        factor->argument = argument_index(kernel, words[i]);
        if (factor->argument >= 0) {
            if (!is_integer(&kernel->arguments[factor->argument])) {
                return wrong(error, "%s: the factor %s is not u32 or u64",
                             argument->name, words[i]);
            }
        } else if (!g_ascii_string_to_unsigned(words[i], 10, 1, G_MAXUINT32,
                                               &factor->constant, NULL)) {
            return wrong(error, "%s: the factor '%s' is neither an argument "
                         "nor a number, 1 to 2^32 - 1", argument->name,
                         words[i]);
        }
    }
    return true;
}

/* What a word of a manifest stands for */
typedef struct Word {
    const char *word;
    uint32_t value;
} Word;

static bool find_word(const Word *words, size_t count, const char *word,
                      uint32_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (g_strcmp0(word, words[i].word) == 0) {
            *value = words[i].value;
            return true;
        }
    }
    return false;
}

/* What the kernel does with it: the word behind "buffer" */
static bool parse_access(Argument *argument, const char *word,
                         GError **error)
{
    static const Word accesses[] = {
        { "read", VGPU_STUB_ACCESS_READ },
        { "write", VGPU_STUB_ACCESS_WRITE },
        { "readwrite", VGPU_STUB_ACCESS_READ | VGPU_STUB_ACCESS_WRITE },
    };

    return find_word(accesses, G_N_ELEMENTS(accesses), word,
                     &argument->access) ||
           wrong(error, "%s: a buffer is read, write or readwrite",
                 argument->name);
}

static bool parse_type(Argument *argument, const char *word, GError **error)
{
    static const Word types[] = {
        { "buffer", VGPU_STUB_ARG_BUFFER }, { "u32", VGPU_STUB_ARG_U32 },
        { "f32", VGPU_STUB_ARG_F32 }, { "u64", VGPU_STUB_ARG_U64 },
        { "f64", VGPU_STUB_ARG_F64 },
    };

    return find_word(types, G_N_ELEMENTS(types), word, &argument->type) ||
           wrong(error, "%s: not a buffer, u32, f32, u64 or f64",
                 argument->name);
}

/* "buffer read 4*n" or "u32"; two passes, since n may come later */
static bool parse_argument(const CatalogueKernel *kernel, Argument *argument,
                           const char *value, bool sizes, GError **error)
{
    g_auto(GStrv) words = g_strsplit(value, " ", -1);
    const guint count = g_strv_length(words);

    if (!sizes) {
        return parse_type(argument, words[0], error);
    }
    if (argument->type != VGPU_STUB_ARG_BUFFER) {
        return count == 1 || wrong(error, "%s: there is something behind %s",
                                   argument->name, words[0]);
    }
    if (count != 3) {
        return wrong(error, "%s: not like 'buffer read 4*n'",
                     argument->name);
    }
    return parse_access(argument, words[1], error) &&
           parse_size(kernel, argument, words[2], error);
}

static bool parse_arguments(CatalogueKernel *kernel, GKeyFile *file,
                            GError **error)
{
    kernel->names = g_key_file_get_keys(file, GROUP_ARGS, &kernel->count,
                                        error);
    if (kernel->names == NULL) {
        return false;
    }
    if (kernel->count > KERNEL_MAX_ARGUMENTS) {
        return wrong(error, "[" GROUP_ARGS "]: more than %d",
                     KERNEL_MAX_ARGUMENTS);
    }
    for (gsize i = 0; i < kernel->count; i++) {
        kernel->arguments[i].name = kernel->names[i];
        if (!check_name(kernel->names[i], error)) {
            return false;
        }
    }
    for (int sizes = 0; sizes < 2; sizes++) {
        for (gsize i = 0; i < kernel->count; i++) {
            g_autofree char *value = g_key_file_get_value(
                file, GROUP_ARGS, kernel->names[i], NULL);

            if (!parse_argument(kernel, &kernel->arguments[i],
                                g_strchomp(value), sizes, error)) {
                return false;
            }
        }
    }
    return true;
}

static bool parse_manifest(CatalogueKernel *kernel, GKeyFile *file,
                           GError **error)
{
    g_autofree char *dimensions = g_key_file_get_value(
        file, GROUP_KERNEL, "dimensions", error);

    if (dimensions == NULL) {
        return false;
    }
    if (!g_ascii_string_to_unsigned(dimensions, 10, 1, 3,
                                    &kernel->dimensions, NULL)) {
        return wrong(error, "dimensions: not 1 to 3");
    }
    return parse_arguments(kernel, file, error);
}

static void catalogue_kernel_free(CatalogueKernel *kernel)
{
    g_free(kernel->name);
    g_free(kernel->program);
    g_strfreev(kernel->names);
    g_free(kernel);
}

static CatalogueKernel *catalogue_kernel_load(const char *path,
                                              const char *name,
                                              const char *suffix,
                                              GError **error)
{
    CatalogueKernel *kernel = g_new0(CatalogueKernel, 1);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *program = NULL;

    kernel->name = g_strdup(name);
    if (!check_name(name, error) ||
        !g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, error) ||
        !parse_manifest(kernel, file, error)) {
        g_prefix_error(error, "%s: ", path);
        catalogue_kernel_free(kernel);
        return NULL;
    }
    if (suffix != NULL) {
        g_autofree char *stem = g_strndup(path, strlen(path) -
                                          strlen(MANIFEST));

        program = g_strconcat(stem, suffix, NULL);
        if (g_file_test(program, G_FILE_TEST_EXISTS) &&
            !g_file_get_contents(program, &kernel->program, NULL, error)) {
            catalogue_kernel_free(kernel);
            return NULL;
        }
    }
    return kernel;
}

Catalogue *catalogue_load(const char *folder, const char *suffix,
                          GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
    Catalogue *catalogue;
    const char *entry;

    if (dir == NULL) {
        return NULL;
    }
    catalogue = g_new(Catalogue, 1);
    catalogue->kernels = g_hash_table_new_full(
        g_str_hash, g_str_equal, NULL,
        (GDestroyNotify)catalogue_kernel_free);
    while ((entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = NULL;
        g_autofree char *name = NULL;
        CatalogueKernel *kernel;

        if (!g_str_has_suffix(entry, MANIFEST)) {
            continue;
        }
        path = g_build_filename(folder, entry, NULL);
        name = g_strndup(entry, strlen(entry) - strlen(MANIFEST));
        kernel = catalogue_kernel_load(path, name, suffix, error);
        if (kernel == NULL) {
            catalogue_free(catalogue);
            return NULL;
        }
        g_hash_table_insert(catalogue->kernels, kernel->name, kernel);
    }
    return catalogue;
}

void catalogue_free(Catalogue *catalogue)
{
    g_hash_table_unref(catalogue->kernels);
    g_free(catalogue);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(((const CatalogueKernel *)a)->name,
                  ((const CatalogueKernel *)b)->name);
}

GList *catalogue_kernels(const Catalogue *catalogue)
{
    return g_list_sort(g_hash_table_get_values(catalogue->kernels),
                       compare_names);
}

static void append_row(GArray *rows, uint32_t type, uint32_t detail,
                       const char *name)
{
    struct vgpu_stub_kernel_row row = {
        .type = GUINT32_TO_LE(type),
        .detail = GUINT32_TO_LE(detail),
    };

    g_strlcpy(row.name, name, sizeof(row.name));
    g_array_append_val(rows, row);
}

void catalogue_kernel_describe(const CatalogueKernel *kernel, GArray *rows)
{
    append_row(rows, VGPU_STUB_ROW_KERNEL, kernel->dimensions, kernel->name);
    for (gsize i = 0; i < kernel->count; i++) {
        const Argument *argument = &kernel->arguments[i];

        append_row(rows, argument->type, argument->access, argument->name);
    }
}

const CatalogueKernel *catalogue_find(const Catalogue *catalogue,
                                      const char *name, GError **error)
{
    const CatalogueKernel *kernel = g_hash_table_lookup(catalogue->kernels,
                                                        name);

    if (kernel == NULL) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNKNOWN_KERNEL,
                    "the catalogue has no kernel %s", name);
    }
    return kernel;
}

const char *catalogue_kernel_program(const CatalogueKernel *kernel)
{
    return kernel->program;
}

/* The least size of a buffer in bytes; false when 64 bits do not hold it. */
static bool least_size(const Argument *argument, const Launch *launch,
                       uint64_t *size)
{
    bool fits = true;

    *size = 1;
    for (unsigned i = 0; i < argument->factors; i++) {
        const Factor *factor = &argument->factor[i];
        uint64_t value = factor->argument < 0 ?
                         factor->constant :
                         launch->arguments[factor->argument].value;

        if (value == 0) {
            *size = 0;
            return true;
        }
        fits = fits && !__builtin_mul_overflow(*size, value, size);
    }
    return fits;
}

/* No other buffer may be the one that argument @index writes. */
static bool check_written(const CatalogueKernel *kernel, const Launch *launch,
                          unsigned index, GError **error)
{
    for (unsigned i = 0; i < launch->count; i++) {
        if (i != index &&
            launch->arguments[i].type == VGPU_STUB_ARG_BUFFER &&
            launch->arguments[i].value == launch->arguments[index].value) {
            return backend_refuse(error, "%s: %s is written, and must not be "
                                  "%s, too", kernel->name,
                                  kernel->arguments[index].name,
                                  kernel->arguments[i].name);
        }
    }
    return true;
}

bool catalogue_kernel_check(const CatalogueKernel *kernel,
                            const Launch *launch, const uint64_t *sizes,
                            GError **error)
{
    if (launch->range.dimensions > kernel->dimensions) {
        return backend_refuse(error, "%s: takes %u dimensions at most",
                              kernel->name, (unsigned)kernel->dimensions);
    }
    if (launch->count != kernel->count) {
        return backend_refuse(error, "%s: takes %u arguments, not %u",
                              kernel->name, (unsigned)kernel->count,
                              launch->count);
    }
    for (unsigned i = 0; i < launch->count; i++) {
        const Argument *argument = &kernel->arguments[i];

        if (launch->arguments[i].type != argument->type) {
            return backend_refuse(error, "%s: %s is of type %u, not %u",
                                  kernel->name, argument->name, argument->type,
                                  launch->arguments[i].type);
        }
    }
    for (unsigned i = 0; i < launch->count; i++) {
        const Argument *argument = &kernel->arguments[i];
        uint64_t least;

        if (argument->type != VGPU_STUB_ARG_BUFFER) {
            continue;
        }
        if (!least_size(argument, launch, &least)) {
            return backend_refuse(error, "%s: %s has to have 2^64 bytes or "
                                  "more", kernel->name, argument->name);
        }
        if (sizes[i] < least) {
            return backend_refuse(error, "%s: %s has %" G_GUINT64_FORMAT
                                  " bytes, less than %" G_GUINT64_FORMAT,
                                  kernel->name, argument->name, sizes[i],
                                  least);
        }
        if ((argument->access & VGPU_STUB_ACCESS_WRITE) &&
            !check_written(kernel, launch, i, error)) {
            return false;
        }
    }
    return true;
}
