/*
 * Whether workers could take more memory than the host has
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host-memory.h"

#include <stdio.h>

guint64 host_memory_mib(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    unsigned long long kib = 0;

    if (file != NULL) {
        if (fscanf(file, "MemTotal: %llu kB", &kib) != 1) {
            kib = 0;
        }
        fclose(file);
    }
    return kib / 1024;
}

static void append_setting(GString *text, const Config *config,
                           const char *group, const char *key, unsigned value)
{
    const unsigned line = config_line(config, group, key);

    g_string_append_printf(text, "[%s] %s=%u", group, key, value);
    if (line != 0) {
        g_string_append_printf(text, " in line %u", line);
    } else {
        g_string_append(text, ", the default");
    }
}

/* What VMs have for themselves that may have more than the others */
typedef struct Extra {
    const Config *config;
    unsigned common;            /* MiB: what the others may have */
    guint64 mib;
    GString *text;
} Extra;

static void add_extra(const char *vm, const VmLimits *limits, gpointer opaque)
{
    g_autofree char *group = g_strdup_printf("vm %s", vm);
    Extra *extra = opaque;

    if (limits->memory_mib > extra->common) {
        extra->mib += limits->memory_mib - extra->common;
        g_string_append(extra->text, "; ");
        append_setting(extra->text, extra->config, group, "memory-mib",
                       limits->memory_mib);
    }
}

char *host_memory_warning(const Config *config, const char *path,
                          guint64 total_mib)
{
    /* No VM is called that: it has what those have that are not named. */
    const unsigned common = config_limits(config, "")->memory_mib;
    g_autoptr(GString) where = g_string_new(NULL);
    g_autoptr(GString) of_vms = g_string_new(NULL);
    Extra extra = { .config = config, .common = common, .text = of_vms };
    bool served = false;
    guint64 mib = 0;

    config_vms_foreach(config, add_extra, &extra);
    for (PoolId pool = 0; pool < POOLS; pool++) {
        const PoolSettings *settings = config_pool(config, pool);
        const char group[] = {
            'p', 'o', 'o', 'l', ' ', pool_letter(pool), '\0',
        };

        served |= settings->backend != VGPU_STUB_BACKEND_NONE;
        if (config_launcher(config, pool) == NULL &&
            (settings->backend == VGPU_STUB_BACKEND_CPU ||
             settings->backend == VGPU_STUB_BACKEND_OPENCL)) {
            mib += (guint64)settings->workers * common + extra.mib;
            append_setting(where, config, group, "workers",
                           settings->workers);
            g_string_append(where, "; ");
        }
    }
    if (served) {
        mib += config_queue(config)->arena_mib;
        append_setting(where, config, "queue", "arena-mib",
                       config_queue(config)->arena_mib);
        g_string_append(where, "; ");
    }
    if (total_mib == 0 || mib <= total_mib) {
        return NULL;
    }
    append_setting(where, config, "vm", "memory-mib", common);
    return g_strdup_printf("%s: VMs may allocate %" G_GUINT64_FORMAT " MiB of "
                           "this host's %" G_GUINT64_FORMAT " MiB: %s%s", path,
                           mib, total_mib, where->str, of_vms->str);
}
