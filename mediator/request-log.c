/*
 * The log of requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "request-log.h"

#include "outcome.h"
#include "vm-limits.h"

struct RequestLog {
    bool all;
    GHashTable *vms;            /* name → Count, in this period */
    unsigned lines;             /* in this period */
    guint timer;                /* to the period's end; 0: none has begun */
};

typedef struct Count {
    unsigned lines;
    guint64 left_out;
} Count;

static gboolean request_log_period(gpointer opaque)
{
    RequestLog *log = opaque;
    GHashTableIter iter;
    gpointer name, value;

    g_hash_table_iter_init(&iter, log->vms);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const Count *count = value;

        if (count->left_out > 0) {
            g_log_structured(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE,
                             "VGPU_VM", name, "MESSAGE", "vm %s: %" G_GUINT64_FORMAT " more "
                             "requests failed in %d s", (const char *)name,
                             count->left_out, REQUEST_LOG_PERIOD_S);
        }
    }
    g_hash_table_remove_all(log->vms);
    log->lines = 0;
    log->timer = 0;
    return G_SOURCE_REMOVE;
}

/* Whether a failure may be logged; if not, it is counted. */
static bool request_log_admit(RequestLog *log, const RequestEnd *end)
{
    Count *count = g_hash_table_lookup(log->vms, end->vm);

    if (log->timer == 0) {
        log->timer = g_timeout_add_seconds(REQUEST_LOG_PERIOD_S,
                                           request_log_period, log);
    }
    if (count == NULL) {
        count = g_new0(Count, 1);
        g_hash_table_insert(log->vms, g_strdup(end->vm), count);
    }
    if (count->lines >= REQUEST_LOG_LINES_VM ||
        log->lines >= REQUEST_LOG_LINES_ALL) {
        count->left_out++;
        return false;
    }
    count->lines++;
    log->lines++;
    return true;
}

static void request_log_write(GLogLevelFlags level, const RequestEnd *end)
{
    const char pool[] = { end->pool, '\0' };
    const char *outcome = outcome_names[outcome_kind(end->status)];
    g_autofree char *status = g_strdup_printf("0x%02x", end->status);
    g_autofree char *sequence =
        g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)end->sequence);
    g_autofree char *wait =
        g_strdup_printf("%" G_GINT64_FORMAT, end->wait);
    g_autofree char *execution =
        g_strdup_printf("%" G_GINT64_FORMAT, end->execution);

    g_log_structured(G_LOG_DOMAIN, level,
                     "VGPU_VM", end->vm, "VGPU_POOL", pool,
                     "VGPU_PRIORITY", priority_names[end->priority],
                     "VGPU_SEQUENCE", sequence, "VGPU_OUTCOME", outcome,
                     "VGPU_STATUS", status, "VGPU_WAIT_US", wait,
                     "VGPU_EXECUTION_US", execution,
                     "MESSAGE", "vm %s: request %s in pool %s: %s after %s us "
                     "of waiting, %s us of execution", end->vm, sequence,
                     pool, outcome, wait, execution);
}

void request_log_end(RequestLog *log, const RequestEnd *end)
{
    const bool failed = outcome_failed(outcome_kind(end->status));

    if (log->all || (failed && request_log_admit(log, end))) {
        request_log_write(failed ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_INFO,
                          end);
    }
}

RequestLog *request_log_new(void)
{
    RequestLog *log = g_new0(RequestLog, 1);

    log->vms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                     g_free);
    return log;
}

void request_log_free(RequestLog *log)
{
    if (log->timer != 0) {
        g_source_remove(log->timer);
        request_log_period(log);
    }
    g_hash_table_unref(log->vms);
    g_free(log);
}

void request_log_set_all(RequestLog *log, bool all)
{
    log->all = all;
}
