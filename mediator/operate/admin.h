/*
 * The operator's orders
 *
 * An order is a line of fields, separated by tabs; the first is its name. The
 * answer are the lines of a table, if the order is a question, and then `ok`
 * or `error` with the reason. A table's first line names its columns, with a #
 * after those that have numbers; the others have text, as g_strescape() makes
 * it. VM is what vm-select.h understands.
 *
 *   status                     one line about everything
 *   vms                        a line per VM
 *   workers                    a line per worker
 *   queues                     a line per pool and priority class
 *   set VM LIMIT VALUE         until the next reload
 *   quarantine VM [SECONDS]    without SECONDS, until it is released
 *   release VM
 *   reload                     as SIGHUP
 *   drain                      answer what has come, then end; see service.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_ADMIN_H
#define MEDIATOR_ADMIN_H

#include "service.h"

typedef struct Admin {
    Service *service;
    Vms *vms;
    Dispatch *dispatch;
    Executor *const *executors; /* by PoolId */
    bool own_uids;              /* each worker has one */
} Admin;

#define ADMIN_ERROR admin_error_quark()
GQuark admin_error_quark(void);

typedef enum AdminError {
    ADMIN_ERROR_ORDER,          /* there is no such order */
} AdminError;

/* Carry out @order; append the answer to @answer. @opaque is an Admin. */
void admin_order(gpointer opaque, const char *order, GString *answer);

#endif /* MEDIATOR_ADMIN_H */
