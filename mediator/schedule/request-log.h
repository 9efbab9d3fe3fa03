/*
 * The log of requests
 *
 * Those that failed are logged, within limits. All requests can be logged,
 * too, then without.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_REQUEST_LOG_H
#define MEDIATOR_REQUEST_LOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/pool-id.h"

/* The lines that there can be in a period, log-limit.h */
#define REQUEST_LOG_LINES_VM 10
#define REQUEST_LOG_LINES_ALL 200

typedef struct RequestLog RequestLog;

/* A request that has ended */
typedef struct RequestEnd {
    const char *vm;             /* the VM's name */
    PoolId pool;
    uint8_t priority;           /* VGPU_STUB_PRIORITY_… */
    uint64_t sequence;
    uint32_t request_id;        /* as the guest calls it */
    uint64_t context;           /* the daemon's number of it */
    uint32_t status;            /* VGPU_STUB_ERR_… */
    gint64 wait;                /* µs until it started, or ended unstarted */
    gint64 execution;           /* µs of device time */
} RequestEnd;

RequestLog *request_log_new(void);
void request_log_free(RequestLog *log);

/* Whether all requests are logged, or only those that failed */
void request_log_set_all(RequestLog *log, bool all);

void request_log_end(RequestLog *log, const RequestEnd *end);

#endif /* MEDIATOR_REQUEST_LOG_H */
