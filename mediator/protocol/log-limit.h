/*
 * How many lines of a kind VMs may have in the log
 *
 * Of each VM and of all together there are only so many in a period, so that
 * no VM can fill the log; how many were left out is told at the period's end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_LOG_LIMIT_H
#define MEDIATOR_LOG_LIMIT_H

#include <glib.h>
#include <stdbool.h>

#define LOG_LIMIT_PERIOD_S 60

typedef struct LogLimit LogLimit;

/* Of @vm, so many lines were left out. */
typedef void (*LogLimitTell)(const char *vm, guint64 left_out);

/* So many lines of each VM and of all of them in a period */
LogLimit *log_limit_new(unsigned lines_vm, unsigned lines_all,
                        LogLimitTell tell);

/* Tells what was left out until now. */
void log_limit_free(LogLimit *limit);

/* Whether a line about @vm may be logged; if not, it is counted. */
bool log_limit_admit(LogLimit *limit, const char *vm);

#endif /* MEDIATOR_LOG_LIMIT_H */
