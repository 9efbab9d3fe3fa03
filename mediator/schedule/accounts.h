/*
 * What is put down about requests: how they ended, and what they took
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_ACCOUNTS_H
#define MEDIATOR_ACCOUNTS_H

#include "protocol/request.h"
#include "scheduler.h"
#include "stats.h"

typedef struct Accounts Accounts;

Accounts *accounts_new(void);
void accounts_free(Accounts *accounts);

/* Whether all requests are logged, or only those that failed */
void accounts_log_all(Accounts *accounts, bool all);

const Stats *accounts_stats(const Accounts *accounts);

/*
 * Count and log @request of @task, which ends with @status after @wait and
 * @execution µs, the latter of device time. @started: it was executed.
 */
void accounts_end(Accounts *accounts, const Task *task,
                  const Request *request, uint32_t status, bool started,
                  gint64 wait, gint64 execution);

/* A VM has been quarantined for its faults. */
void accounts_quarantined(Accounts *accounts);

#endif /* MEDIATOR_ACCOUNTS_H */
