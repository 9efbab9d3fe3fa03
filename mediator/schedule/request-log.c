/*
 * The log of requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "request-log.h"

#include "protocol/log-limit.h"
#include "protocol/outcome.h"
#include "vms/settings.h"

struct RequestLog {
    bool all;
    LogLimit *limit;
};

static void tell_left_out(const char *vm, guint64 left_out)
{
    g_log_structured(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE,
                     "VGPU_VM", vm,
                     "MESSAGE", "vm %s: %" G_GUINT64_FORMAT " more "
                     "requests failed in %d s", vm, left_out,
                     LOG_LIMIT_PERIOD_S);
}

static void request_log_write(GLogLevelFlags level, const RequestEnd *end)
{
    const char pool[] = { pool_letter(end->pool), '\0' };
    const char *outcome = outcome_names[outcome_kind(end->status)];
    g_autofree char *status = g_strdup_printf("0x%02x", end->status);
    g_autofree char *sequence =
        g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)end->sequence);
    g_autofree char *id = g_strdup_printf("%u", end->request_id);
    g_autofree char *context =
        g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)end->context);
    g_autofree char *wait =
        g_strdup_printf("%" G_GINT64_FORMAT, end->wait);
    g_autofree char *execution =
        g_strdup_printf("%" G_GINT64_FORMAT, end->execution);

    g_log_structured(G_LOG_DOMAIN, level,
                     "VGPU_VM", end->vm, "VGPU_POOL", pool,
                     "VGPU_PRIORITY", priority_names[end->priority],
                     "VGPU_SEQUENCE", sequence, "VGPU_REQUEST_ID", id,
                     "VGPU_CONTEXT", context, "VGPU_OUTCOME", outcome,
                     "VGPU_STATUS", status, "VGPU_WAIT_US", wait,
                     "VGPU_EXECUTION_US", execution,
                     "MESSAGE", "vm %s: request %s, id %s, of context %s in pool "
                     "%s: %s after %s us of waiting, %s us of execution",
                     end->vm, sequence, id, context, pool, outcome, wait, execution);
}

void request_log_end(RequestLog *log, const RequestEnd *end)
{
    const bool failed = outcome_failed(outcome_kind(end->status));

    if (log->all || (failed && log_limit_admit(log->limit, end->vm))) {
        request_log_write(failed ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_INFO,
                          end);
    }
}

RequestLog *request_log_new(void)
{
    RequestLog *log = g_new0(RequestLog, 1);

    log->limit = log_limit_new(REQUEST_LOG_LINES_VM, REQUEST_LOG_LINES_ALL,
                               tell_left_out);
    return log;
}

void request_log_free(RequestLog *log)
{
    log_limit_free(log->limit);
    g_free(log);
}

void request_log_set_all(RequestLog *log, bool all)
{
    log->all = all;
}
