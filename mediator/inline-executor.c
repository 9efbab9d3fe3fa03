/*
 * Executes requests in this process, at once
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "inline-executor.h"

#include "operations.h"

static void inline_start(Executor *executor G_GNUC_UNUSED,
                         Execution *execution)
{
    const gint64 start = g_get_monotonic_time();
    uint8_t response[VGPU_STUB_BUF_SIZE];
    Outcome outcome = { .response = response };
    Reply reply;

    operations_execute(&execution->call, &reply);
    outcome.status = reply.status;
    outcome.used_us = g_get_monotonic_time() - start;
    outcome.length = reply_encode(&reply, MIN(outcome.used_us, G_MAXUINT32),
                                  response);
    execution->done(execution, &outcome);
}

Executor inline_executor = {
    .slots = 1,
    .start = inline_start,
    /* There is never one to stop. */
};
