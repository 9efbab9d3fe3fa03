/*
 * Which VM a socket belongs to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vms/identity.h"

#define UUID "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab"
#define FOLDER "/run/vgpu-stub/"

static void test_names(void)
{
    static const struct {
        const char *path, *vm;
        gint64 domid;           /* -1: it is not known */
    } cases[] = {
        { FOLDER UUID ".7-0.sock", UUID, 7 },
        { FOLDER UUID ".32751-12.sock", UUID, 32751 },
        { FOLDER UUID ".0-0.sock", UUID, 0 },
        { FOLDER "5F2A9A3C-0F0B-4E7E-9D5A-0123456789AB.7-0.sock", UUID, 7 },
        { FOLDER UUID "-0.sock", UUID, -1 },
        { FOLDER "5F2A9A3C-0f0b-4e7e-9d5a-0123456789ab-0.sock", UUID, -1 },
        /* Names like any other */
        { FOLDER UUID ".-0.sock", UUID ".", -1 },
        { FOLDER UUID ".07-0.sock", UUID ".07", -1 },
        { FOLDER UUID ".x-0.sock", UUID ".x", -1 },
        { FOLDER UUID ".4294967296-0.sock", UUID ".4294967296", -1 },
        { FOLDER UUID "7-0.sock", UUID "7", -1 },
        { FOLDER UUID ".7.sock", FOLDER UUID ".7.sock", -1 },
        { FOLDER "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ag.7-0.sock",
          "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ag.7", -1 },
        { FOLDER "7-0.sock", "7", 7 },
        { FOLDER "7-1.sock", "7", 7 },
        { FOLDER "32751-12.sock", "32751", 32751 },
        { "/elsewhere/7-0.sock", "7", 7 },
        { FOLDER "07-0.sock", "07", -1 },
        { FOLDER "web-server-0.sock", "web-server", -1 },
        { FOLDER "web-server.sock", FOLDER "web-server.sock", -1 },
        { FOLDER "7.sock", FOLDER "7.sock", -1 },
        { FOLDER "7-.sock", FOLDER "7-.sock", -1 },
        { FOLDER "7-x.sock", FOLDER "7-x.sock", -1 },
        { FOLDER "-0.sock", FOLDER "-0.sock", -1 },
        { FOLDER "7-0.sock.old", FOLDER "7-0.sock.old", -1 },
        { "/run/7-0.sock/vm", "/run/7-0.sock/vm", -1 },
        { "/run//vgpu-stub/../vm", "/run/vm", -1 },
        { FOLDER "a\nb-0.sock", "a\nb", -1 },
        { FOLDER "7-0.sock\n", FOLDER "7-0.sock\n", -1 },
        { FOLDER "\xff-0.sock", "\xff", -1 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Identity) identity = identity_of_socket(cases[i].path);

        g_assert_cmpstr(identity->vm, ==, cases[i].vm);
        g_assert_cmpint(identity->has_domid ? (gint64)identity->domid : -1,
                        ==, cases[i].domid);
    }
}

static void test_relative_path(void)
{
    g_autofree char *folder = g_get_current_dir();
    g_autofree char *path = g_build_filename(folder, "7", NULL);
    g_autoptr(Identity) identity = identity_of_socket("7");

    g_assert_cmpstr(identity->vm, ==, path);
    g_assert_false(identity->has_domid);
}

static void test_domid(void)
{
    static const char *const others[] = {
        "", "web", "7a", "-7", "+7", " 7", "7.0", "4294967296", "/7", "07",
        "00",
    };
    guint32 domid = 99;

    g_assert_true(identity_parse_domid("0", &domid));
    g_assert_cmpuint(domid, ==, 0);
    g_assert_true(identity_parse_domid("32751", &domid));
    g_assert_cmpuint(domid, ==, 32751);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_assert_false(identity_parse_domid(others[i], &domid));
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
