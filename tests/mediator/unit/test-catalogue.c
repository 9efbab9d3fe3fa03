/*
 * Manifests of kernels: what they say, and what is wrong with them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "catalogue.h"

#include <glib/gstdio.h>
#include <string.h>

#define GOOD "[kernel]\ndimensions=1\n[args]\n"

/* A folder with the one manifest k.kernel, and the one program k.cl */
static Catalogue *load(const char *manifest, GError **error)
{
    g_autofree char *folder = g_dir_make_tmp("catalogue-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "k.kernel", NULL);
    g_autofree char *program = g_build_filename(folder, "k.cl", NULL);
    Catalogue *catalogue;

    g_assert_true(g_file_set_contents(path, manifest, -1, NULL));
    g_assert_true(g_file_set_contents(program, "text", -1, NULL));
    catalogue = catalogue_load(folder, ".cl", error);
    g_unlink(path);
    g_unlink(program);
    g_rmdir(folder);
    return catalogue;
}

static void test_bad_manifests(void)
{
    static const struct {
        const char *manifest;
        const char *why;
    } rows[] = {
        { "", "kernel" },
        { "nonsense", "key" },
        { "[kernel]\n[args]\n", "dimensions" },
        { "[kernel]\ndimensions=0\n[args]\n", "dimensions: not 1 to 3" },
        { "[kernel]\ndimensions=4\n[args]\n", "dimensions: not 1 to 3" },
        { "[kernel]\ndimensions=x\n[args]\n", "dimensions: not 1 to 3" },
        { "[kernel]\ndimensions=1\n", "args" },
        { GOOD "a b=u32\n", "'a b': a name has letters, digits and _" },
        { GOOD "a234567890123456789012345678901" "2=u32\n",
          "2': a name has 31 characters at most" },
        { GOOD "a=\n", "a: not a buffer, u32, f32, u64 or f64" },
        { GOOD "a=i32\n", "a: not a buffer, u32, f32, u64 or f64" },
        { GOOD "a=u32 read\n", "a: there is something behind u32" },
        { GOOD "a=buffer\n", "a: not like" },
        { GOOD "a=buffer read\n", "a: not like" },
        { GOOD "a=buffer read 4 *n\nn=u32\n", "a: not like" },
        { GOOD "a=buffer reads 4\n", "a: a buffer is read, write or" },
        { GOOD "a=buffer read 4*\n", "a: the factor ''" },
        { GOOD "a=buffer read *4\n", "a: the factor ''" },
        { GOOD "a=buffer read 0\n", "a: the factor '0'" },
        { GOOD "a=buffer read -1\n", "a: the factor '-1'" },
        { GOOD "a=buffer read 4294967296\n", "a: the factor" },
        { GOOD "a=buffer read 4*m\nn=u32\n", "a: the factor 'm'" },
        { GOOD "a=buffer read n+1\nn=u32\n", "a: the factor 'n+1'" },
        { GOOD "a=buffer read 4*n\nn=f32\n", "a: the factor n is not u32" },
        { GOOD "a=buffer read 4*a\n", "a: the factor a is not u32" },
        { GOOD "a=buffer read 1*1*1*1*1*1*1*1*1\n", "a: a size has 1 to 8" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(load(rows[i].manifest, &error));
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, "/k.kernel: "));
        g_assert_nonnull(strstr(error->message, rows[i].why));
    }
}

static void test_too_many_arguments(void)
{
    g_autoptr(GString) manifest = g_string_new(GOOD);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i <= KERNEL_MAX_ARGUMENTS; i++) {
        g_string_append_printf(manifest, "a%d=u32\n", i);
    }
    g_assert_null(load(manifest->str, &error));
    g_assert_nonnull(strstr(error->message, "[args]: more than 64"));
}

/* Would a buffer of @size bytes do for the arguments m and n? */
static bool enough(const char *least, uint64_t m, uint64_t n, uint64_t size)
{
    g_autofree char *manifest = g_strdup_printf(
        GOOD "b=buffer write %s\nm=u64\nn=u32", least);
    const Launch launch = {
        .range = { .dimensions = 1 },
        .count = 3,
        .arguments = {
            { .type = VGPU_STUB_ARG_BUFFER, .value = 7 },
            { .type = VGPU_STUB_ARG_U64, .value = m },
            { .type = VGPU_STUB_ARG_U32, .value = n },
        },
    };
    const uint64_t sizes[] = { size, 0, 0 };
    g_autoptr(GError) error = NULL;
    Catalogue *catalogue = load(manifest, &error);
    const CatalogueKernel *kernel;
    bool fits;

    g_assert_no_error(error);
    kernel = catalogue_find(catalogue, "k", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(catalogue_kernel_program(kernel), ==, "text");
    fits = catalogue_kernel_check(kernel, &launch, sizes, &error);
    g_assert_true(fits || g_error_matches(error, BACKEND_ERROR,
                                          VGPU_STUB_ERR_INVALID_REQUEST));
    catalogue_free(catalogue);
    return fits;
}

static void test_sizes(void)
{
    g_assert_true(enough("12", 0, 0, 12));
    g_assert_false(enough("12", 0, 0, 11));
    g_assert_true(enough("4*m*n", 3, 5, 60));
    g_assert_false(enough("4*m*n", 3, 5, 59));
    g_assert_true(enough("4*m*n", 0, 5, 1));
    g_assert_true(enough("n*n*m", 1, G_MAXUINT32,
                         (uint64_t)G_MAXUINT32 * G_MAXUINT32));
    g_assert_false(enough("n*n*m", 1, G_MAXUINT32,
                          (uint64_t)G_MAXUINT32 * G_MAXUINT32 - 1));

    /* No product that 64 bits do not hold is taken for a small one, … */
    g_assert_false(enough("4*m", G_MAXUINT64 / 4 + 1, 0, G_MAXUINT64));
    g_assert_false(enough("m*m", 1ull << 32, 0, G_MAXUINT64));
    g_assert_false(enough("m*m*n", 1ull << 32, 2, G_MAXUINT64));
    /* … and 0 times it is 0. */
    g_assert_true(enough("m*m*n", 1ull << 32, 0, 1));
}

static void test_what_is_not_there(void)
{
    g_autoptr(GError) error = NULL;
    Catalogue *catalogue = load(GOOD, &error);

    g_assert_no_error(error);
    g_assert_null(catalogue_find(catalogue, "l", &error));
    g_assert_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNKNOWN_KERNEL);
    catalogue_free(catalogue);
    g_clear_error(&error);
    g_assert_null(catalogue_load("/does/not/exist", NULL, &error));
    g_assert_nonnull(strstr(error->message, "/does/not/exist"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/catalogue/bad-manifests", test_bad_manifests);
    g_test_add_func("/catalogue/too-many-arguments", test_too_many_arguments);
    g_test_add_func("/catalogue/sizes", test_sizes);
    g_test_add_func("/catalogue/what-is-not-there", test_what_is_not_there);
    return g_test_run();
}
