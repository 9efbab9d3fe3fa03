/*
 * How many lines of a kind VMs may have in the log
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "log-limit.h"

struct LogLimit {
    unsigned lines_vm, lines_all;
    LogLimitTell tell;
    GHashTable *vms;            /* name → Count, in this period */
    unsigned lines;             /* in this period */
    guint timer;                /* to the period's end; 0: none has begun */
};

typedef struct Count {
    unsigned lines;
    guint64 left_out;
} Count;

static gboolean log_limit_period(gpointer opaque)
{
    LogLimit *limit = opaque;
    GHashTableIter iter;
    gpointer name, value;

    g_hash_table_iter_init(&iter, limit->vms);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const Count *count = value;

        if (count->left_out > 0) {
            limit->tell(name, count->left_out);
        }
    }
    g_hash_table_remove_all(limit->vms);
    limit->lines = 0;
    limit->timer = 0;
    return G_SOURCE_REMOVE;
}

bool log_limit_admit(LogLimit *limit, const char *vm)
{
    Count *count = g_hash_table_lookup(limit->vms, vm);

    if (limit->timer == 0) {
        limit->timer = g_timeout_add_seconds(LOG_LIMIT_PERIOD_S,
                                             log_limit_period, limit);
    }
    if (count == NULL) {
        count = g_new0(Count, 1);
        g_hash_table_insert(limit->vms, g_strdup(vm), count);
    }
    if (count->lines >= limit->lines_vm || limit->lines >= limit->lines_all) {
        count->left_out++;
        return false;
    }
    count->lines++;
    limit->lines++;
    return true;
}

LogLimit *log_limit_new(unsigned lines_vm, unsigned lines_all,
                        LogLimitTell tell)
{
    LogLimit *limit = g_new0(LogLimit, 1);

    limit->lines_vm = lines_vm;
    limit->lines_all = lines_all;
    limit->tell = tell;
    limit->vms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                       g_free);
    return limit;
}

void log_limit_free(LogLimit *limit)
{
    if (limit->timer != 0) {
        g_source_remove(limit->timer);
        log_limit_period(limit);
    }
    g_hash_table_unref(limit->vms);
    g_free(limit);
}
