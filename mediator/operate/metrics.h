/*
 * The figures for Prometheus, in its text format 0.0.4
 *
 * docs/operating.md lists them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_METRICS_H
#define MEDIATOR_METRICS_H

#include "schedule/dispatch.h"

/* What the figures are of */
typedef struct Metrics {
    const Vms *vms;
    Dispatch *dispatch;
    Executor *const *executors; /* by PoolId */
} Metrics;

/* Append all figures to @text. */
void metrics_append(const Metrics *metrics, GString *text);

/*
 * Append the answer to @request, the head of an HTTP request, to @answer:
 * GET /metrics has metrics_append(). @opaque is a Metrics.
 */
void metrics_http(gpointer opaque, const char *request, GString *answer);

#endif /* MEDIATOR_METRICS_H */
