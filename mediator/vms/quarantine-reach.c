/*
 * Whether a VM whose requests never end would be quarantined
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "quarantine-reach.h"

/* What a VM loses between two requests when one has killed its worker */
#define RESTART_MS 1000

char *quarantine_unreachable(const VmLimits *limits)
{
    const guint64 one = (guint64)limits->deadline_ms + EXECUTION_GRACE_MS +
                        RESTART_MS;
    const guint64 all_s = (limits->faults * one + 999) / 1000;

    if (all_s <= limits->fault_window_s) {
        return NULL;
    }
    return g_strdup_printf("a VM whose requests never end is not quarantined: "
                           "faults=%u of them, with deadline-ms=%u, take %"
                           G_GUINT64_FORMAT " s, fault-window-s=%u",
                           limits->faults, limits->deadline_ms, all_s,
                           limits->fault_window_s);
}

typedef struct Check {
    const Config *config;
    const char *path;
    GPtrArray *warnings;        /* char * */
} Check;

/* @limits are those of the VMs that @group is about. */
static void check_group(const Check *check, const char *group,
                        const VmLimits *limits)
{
    static const char *const keys[] = {
        "faults", "deadline-ms", "fault-window-s",
    };
    g_autofree char *what = quarantine_unreachable(limits);
    unsigned last = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        last = MAX(last, config_line(check->config, group, keys[i]));
    }
    /* What a group has from [vm] is said there. */
    if (what != NULL && last != 0) {
        g_ptr_array_add(check->warnings,
                        g_strdup_printf("%s:%u: [%s]: %s", check->path, last,
                                        group, what));
    }
}

static void check_vm(const char *vm, const VmLimits *limits, gpointer check)
{
    g_autofree char *group = g_strdup_printf("vm %s", vm);

    check_group(check, group, limits);
}

char **quarantine_warnings(const Config *config, const char *path)
{
    Check check = {
        .config = config, .path = path, .warnings = g_ptr_array_new(),
    };

    /* No VM is called that: it has what those have that are not named. */
    check_group(&check, "vm", config_limits(config, ""));
    config_vms_foreach(config, check_vm, &check);
    g_ptr_array_add(check.warnings, NULL);
    return (char **)g_ptr_array_free(check.warnings, FALSE);
}
