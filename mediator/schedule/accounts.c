/*
 * What is put down about requests: how they ended, and what they took
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "accounts.h"

#include "request-log.h"

struct Accounts {
    Stats stats;
    RequestLog *log;
};

Accounts *accounts_new(void)
{
    Accounts *accounts = g_new0(Accounts, 1);

    accounts->log = request_log_new();
    return accounts;
}

void accounts_free(Accounts *accounts)
{
    request_log_free(accounts->log);
    g_free(accounts);
}

void accounts_log_all(Accounts *accounts, bool all)
{
    request_log_set_all(accounts->log, all);
}

const Stats *accounts_stats(const Accounts *accounts)
{
    return &accounts->stats;
}

void accounts_end(Accounts *accounts, const Task *task,
                  const Request *request, uint32_t status, bool started,
                  gint64 wait, gint64 execution)
{
    ClassStats *stats = &accounts->stats.classes[task->pool][task->priority];
    const RequestEnd end = {
        .vm = vm_name(task->vm),
        .pool = task->pool,
        .priority = task->priority,
        .sequence = request_header(request)->sequence,
        .request_id = request_header(request)->request_id,
        .context = task->context,
        .status = status,
        .wait = wait,
        .execution = execution,
    };

    stats_count_end(stats, vm_stats(task->vm), status);
    if (started) {
        histogram_add(&stats->wait, wait);
        histogram_add(&stats->execution, execution);
    }
    request_log_end(accounts->log, &end);
}

void accounts_quarantined(Accounts *accounts)
{
    accounts->stats.quarantines++;
}
