/*
 * Whether workers could take more memory than the host has
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vms/host-memory.h"

#include <string.h>

#define UUID "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab"

static const struct {
    const char *text;
    guint64 total;              /* MiB */
    const char *warning;
} cases[] = {
    { "", 33280, NULL },
    { "", 33279,
      "x.conf: VMs may allocate 33280 MiB of this host's 33279 MiB: "
      "[pool A] workers=64, the default; [pool B] workers=64, the default; "
      "[queue] arena-mib=512, the default; [vm] memory-mib=256, the default" },
    { "[pool A]\nworkers=2\n[pool B]\nbackend=cuda\n[vm]\nmemory-mib=100",
      712, NULL },
    { "[pool A]\nworkers=2\n[pool B]\nbackend=cuda\n[vm]\nmemory-mib=100",
      711,
      "x.conf: VMs may allocate 712 MiB of this host's 711 MiB: "
      "[pool A] workers=2 in line 2; [queue] arena-mib=512, the default; "
      "[vm] memory-mib=100 in line 6" },
    { "[pool A]\nbackend=opencl\nworkers=1\n[pool B]\nbackend=none\n"
      "[vm]\nmemory-mib=1\n[vm " UUID "]\nmemory-mib=50\n"
      "[vm web]\nweight=1\n[queue]\narena-mib=1000", 1049,
      "x.conf: VMs may allocate 1050 MiB of this host's 1049 MiB: "
      "[pool A] workers=1 in line 3; [queue] arena-mib=1000 in line 13; [vm] memory-mib=1 in line 7; "
      "[vm " UUID "] memory-mib=50 in line 9" },
    /* The most that can be set; nothing overflows. */
    { "[pool A]\nworkers=1024\n[pool B]\nworkers=1024\n[vm]\n"
      "memory-mib=1048576", 1 << 30,
      "x.conf: VMs may allocate 2147484160 MiB of this host's 1073741824 MiB: "
      "[pool A] workers=1024 in line 2; [pool B] workers=1024 in line 4; "
      "[queue] arena-mib=512, the default; "
      "[vm] memory-mib=1048576 in line 6" },
    { "[pool A]\nbackend=none\n[pool B]\nbackend=none", 1, NULL },
    { "[pool A]\nbackend=none\n[pool B]\nbackend=cuda", 511,
      "x.conf: VMs may allocate 512 MiB of this host's 511 MiB: "
      "[queue] arena-mib=512, the default; "
      "[vm] memory-mib=256, the default" },
    /* It is not known. */
    { "", 0, NULL },
};

static void test_warnings(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Config *config = config_parse(cases[i].text, strlen(cases[i].text),
                                      "x.conf", &error);
        g_autofree char *warning = NULL;

        g_assert_no_error(error);
        warning = host_memory_warning(config, "x.conf", cases[i].total);
        g_assert_cmpstr(warning, ==, cases[i].warning);
        config_free(config);
    }
}

static void test_host(void)
{
    g_assert_cmpuint(host_memory_mib(), >, 64);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/host-memory/warnings", test_warnings);
    g_test_add_func("/host-memory/host", test_host);
    return g_test_run();
}
