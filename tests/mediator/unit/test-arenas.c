/*
 * Arenas of all contexts together: who gets one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "schedule/arenas.h"

#include <unistd.h>

/* An arena has 1152 KiB, so three of them fit into 4 MiB. */
static const QueueSettings settings = {
    .arena_small = 0, .arena_large = 1, .arena_mib = 4,
};

#define SIZE VGPU_STUB_ARENA_BYTES(0, 1)

static Arenas *new_arenas(void)
{
    Arenas *arenas = arenas_new();

    arenas_configure(arenas, &settings);
    return arenas;
}

static Arena *take(Arenas *arenas, const char *vm)
{
    g_autoptr(GError) error = NULL;
    Arena *arena = arenas_take(arenas, vm, &error);

    if (arena == NULL) {
        g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
        g_assert_cmpstr(error->message, ==, "all arenas together take "
                        "[queue] arena-mib=4");
    }
    return arena;
}

static void test_bound(void)
{
    Arenas *arenas = new_arenas();
    Arena *some[3];

    for (unsigned i = 0; i < G_N_ELEMENTS(some); i++) {
        some[i] = take(arenas, "a");
        g_assert_nonnull(some[i]);
        g_assert_cmpuint(arenas_bytes(arenas), ==, (i + 1) * SIZE);
    }
    g_assert_null(take(arenas, "a"));
    arenas_give_back(arenas, "a", some[1]);
    some[1] = take(arenas, "b");
    g_assert_nonnull(some[1]);
    arenas_give_back(arenas, "a", some[0]);
    arenas_give_back(arenas, "b", some[1]);
    arenas_give_back(arenas, "a", some[2]);
    g_assert_cmpuint(arenas_bytes(arenas), ==, 0);
    arenas_free(arenas);
}

/* What a VM has no arena of yet nobody else gets. */
static void test_first_is_kept(void)
{
    Arenas *arenas = new_arenas();
    Arena *a, *b, *another;

    arenas_attach(arenas, "a");
    arenas_attach(arenas, "b");
    arenas_attach(arenas, "b");
    a = take(arenas, "a");
    another = take(arenas, "a");
    g_assert_true(a != NULL && another != NULL);
    g_assert_null(take(arenas, "a"));
    b = take(arenas, "b");
    g_assert_nonnull(b);
    arenas_give_back(arenas, "b", b);
    g_assert_null(take(arenas, "a"));
    arenas_detach(arenas, "b");
    arenas_detach(arenas, "b");
    b = take(arenas, "a");
    g_assert_nonnull(b);
    /* More VMs than there is room for: who comes first */
    arenas_attach(arenas, "c");
    g_assert_null(take(arenas, "c"));
    arenas_give_back(arenas, "a", a);
    a = take(arenas, "c");
    g_assert_nonnull(a);
    arenas_detach(arenas, "a");
    arenas_give_back(arenas, "a", b);
    arenas_give_back(arenas, "a", another);
    arenas_give_back(arenas, "c", a);
    arenas_free(arenas);
}

/* Whatever the sizes have become, it counts what it is. */
static void test_other_settings(void)
{
    const QueueSettings larger = {
        .arena_small = 1, .arena_large = 2, .arena_mib = 4,
    };
    Arenas *arenas = new_arenas();
    Arena *small = take(arenas, "a"), *large;

    arenas_configure(arenas, &larger);
    large = take(arenas, "a");
    g_assert_nonnull(large);
    g_assert_cmpuint(arena_large(large), ==, 2);
    g_assert_cmpuint(arenas_bytes(arenas), ==,
                     SIZE + VGPU_STUB_ARENA_BYTES(1, 2));
    g_assert_null(take(arenas, "a"));
    arenas_give_back(arenas, "a", small);
    arenas_give_back(arenas, "a", large);
    g_assert_cmpuint(arenas_bytes(arenas), ==, 0);
    arenas_free(arenas);
}

/* What a device keeps counts, as its VM's, until it has let it go. */
static void test_kept_by_a_device(void)
{
    Arenas *arenas = new_arenas();
    Arena *some[3];
    int kept[2];

    arenas_attach(arenas, "b");
    for (unsigned i = 0; i < G_N_ELEMENTS(kept); i++) {
        some[i] = take(arenas, "a");
        g_assert_nonnull(some[i]);
        kept[i] = arena_open(some[i]);
        arenas_give_back(arenas, "a", some[i]);
        g_assert_cmpuint(arenas_held(arenas, "a"), ==, i + 1);
    }
    g_assert_cmpuint(arenas_bytes(arenas), ==, 2 * SIZE);
    /* Also when the VM has gone, and for others */
    arenas_attach(arenas, "a");
    arenas_detach(arenas, "a");
    g_assert_null(take(arenas, "a"));
    some[2] = take(arenas, "b");
    g_assert_nonnull(some[2]);
    close(kept[0]);
    some[0] = take(arenas, "a");
    g_assert_nonnull(some[0]);
    g_assert_cmpuint(arenas_held(arenas, "a"), ==, 1);
    close(kept[1]);
    g_assert_cmpuint(arenas_bytes(arenas), ==, 2 * SIZE);
    g_assert_cmpuint(arenas_held(arenas, "a"), ==, 0);
    arenas_give_back(arenas, "b", some[2]);
    /* With one that is kept it ends, too. */
    kept[0] = arena_open(some[0]);
    arenas_give_back(arenas, "a", some[0]);
    arenas_free(arenas);
    close(kept[0]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arenas/bound", test_bound);
    g_test_add_func("/arenas/first-is-kept", test_first_is_kept);
    g_test_add_func("/arenas/other-settings", test_other_settings);
    g_test_add_func("/arenas/kept-by-a-device", test_kept_by_a_device);
    return g_test_run();
}
