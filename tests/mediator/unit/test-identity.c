/*
 * Which VM a socket belongs to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "identity.h"

static void test_names(void)
{
    static const struct {
        const char *path, *name;
    } cases[] = {
        { "/run/vgpu-stub/7-0.sock", "7" },
        { "/run/vgpu-stub/7-1.sock", "7" },
        { "/run/vgpu-stub/32751-12.sock", "32751" },
        { "/elsewhere/7-0.sock", "7" },
        { "/run/vgpu-stub/web-server-0.sock", "web-server" },
        { "/run/vgpu-stub/web-server.sock", "/run/vgpu-stub/web-server.sock" },
        { "/run/vgpu-stub/7.sock", "/run/vgpu-stub/7.sock" },
        { "/run/vgpu-stub/7-.sock", "/run/vgpu-stub/7-.sock" },
        { "/run/vgpu-stub/7-x.sock", "/run/vgpu-stub/7-x.sock" },
        { "/run/vgpu-stub/-0.sock", "/run/vgpu-stub/-0.sock" },
        { "/run/vgpu-stub/7-0.sock.old", "/run/vgpu-stub/7-0.sock.old" },
        { "/run/7-0.sock/vm", "/run/7-0.sock/vm" },
        { "/run//vgpu-stub/../vm", "/run/vm" },
        { "/run/vgpu-stub/a\nb-0.sock", "a\nb" },
        { "/run/vgpu-stub/7-0.sock\n", "/run/vgpu-stub/7-0.sock\n" },
        { "/run/vgpu-stub/\xff-0.sock", "\xff" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = identity_of_socket(cases[i].path);

        g_assert_cmpstr(name, ==, cases[i].name);
    }
}

static void test_relative_path(void)
{
    g_autofree char *folder = g_get_current_dir();
    g_autofree char *path = g_build_filename(folder, "7", NULL);
    g_autofree char *name = identity_of_socket("7");

    g_assert_cmpstr(name, ==, path);
}

static void test_domid(void)
{
    static const char *const others[] = {
        "", "web", "7a", "-7", "+7", " 7", "7.0", "4294967296", "/7",
    };
    guint64 domid = 99;

    g_assert_true(identity_domid("0", &domid));
    g_assert_cmpuint(domid, ==, 0);
    g_assert_true(identity_domid("32751", &domid));
    g_assert_cmpuint(domid, ==, 32751);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_assert_false(identity_domid(others[i], &domid));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/identity/names", test_names);
    g_test_add_func("/identity/relative-path", test_relative_path);
    g_test_add_func("/identity/domid", test_domid);
    return g_test_run();
}
