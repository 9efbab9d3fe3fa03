/*
 * Whether a VM whose requests never end would be quarantined
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vms/quarantine-reach.h"

#include <string.h>

static void check_warning(const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) warnings = NULL;
    Config *config = config_parse(text, strlen(text), "the.conf", &error);

    g_assert_no_error(error);
    warnings = quarantine_warnings(config, "the.conf");
    g_assert_cmpstr(warnings[0], ==, expected);
    g_assert_true(expected == NULL || warnings[1] == NULL);
    config_free(config);
}

#define UNREACHABLE(faults, deadline, all, window) \
    "a VM whose requests never end is not quarantined: faults=" faults \
    " of them, with deadline-ms=" deadline ", take " all \
    " s, fault-window-s=" window

static void test_the_defaults(void)
{
    g_assert_null(quarantine_unreachable(&limits_default));
    check_warning("", NULL);
}

static void test_just_enough(void)
{
    check_warning("[vm]\nfaults=1\nfault-window-s=32\n", NULL);
    check_warning("[vm]\nfaults=1\nfault-window-s=31\n", "the.conf:3: [vm]: "
                  UNREACHABLE("1", "30000", "32", "31"));
}

static void test_the_last_line_that_has_a_part(void)
{
    check_warning("[vm]\nfault-window-s=60\n", "the.conf:2: [vm]: "
                  UNREACHABLE("5", "30000", "160", "60"));
    check_warning("[vm]\nfaults=3\nweight=1\ndeadline-ms=8000\nrate=1\n"
                  "fault-window-s=20\nburst=1\n", "the.conf:6: [vm]: "
                  UNREACHABLE("3", "8000", "30", "20"));
}

/* It has the rest from [vm], wherever that is. */
static void test_one_vm(void)
{
    check_warning("[vm web]\nfaults=4\n[vm]\ndeadline-ms=8000\nfaults=3\n"
                  "fault-window-s=30\n", "the.conf:2: [vm web]: "
                  UNREACHABLE("4", "8000", "40", "30"));
    check_warning("[vm web]\nfault-window-s=86400\n[vm db]\nweight=2\n"
                  "[vm]\nfault-window-s=1\nfaults=1\n", "the.conf:7: [vm]: "
                  UNREACHABLE("1", "30000", "32", "1"));
}

static void test_the_largest(void)
{
    check_warning("[vm]\nfaults=1000\ndeadline-ms=86400000\n",
                  "the.conf:3: [vm]: "
                  UNREACHABLE("1000", "86400000", "86402000", "600"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/quarantine-reach/the-defaults", test_the_defaults);
    g_test_add_func("/quarantine-reach/just-enough", test_just_enough);
    g_test_add_func("/quarantine-reach/the-last-line-that-has-a-part",
                    test_the_last_line_that_has_a_part);
    g_test_add_func("/quarantine-reach/one-vm", test_one_vm);
    g_test_add_func("/quarantine-reach/the-largest", test_the_largest);
    return g_test_run();
}
