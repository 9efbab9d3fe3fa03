/*
 * The figures for Prometheus, in its text format 0.0.4
 *
 * docs/operating.md lists them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_METRICS_H
#define MEDIATOR_METRICS_H

#include "dispatch.h"

/* Append all figures of @dispatch to @text. */
void metrics_append(GString *text, Dispatch *dispatch);

/*
 * Append the answer to @request, the head of an HTTP request, to @answer:
 * GET /metrics has metrics_append(). @opaque is a Dispatch.
 */
void metrics_http(gpointer opaque, const char *request, GString *answer);

#endif /* MEDIATOR_METRICS_H */
