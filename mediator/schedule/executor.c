/*
 * What executes the requests of a pool
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "executor.h"

const char *const pool_state_names[POOL_FAILED + 1] = {
    [POOL_CLOSED] = "closed",
    [POOL_TRYING] = "trying",
    [POOL_WORKS] = "works",
    [POOL_FAILED] = "failed",
};

const char *const worker_state_names[WORKER_LEAVING + 1] = {
    [WORKER_WAITING] = "waiting",
    [WORKER_STARTING] = "starting",
    [WORKER_SPARE] = "spare",
    [WORKER_IDLE] = "idle",
    [WORKER_BUSY] = "busy",
    [WORKER_LEAVING] = "leaving",
};

void execution_reply(Execution *execution, Reply *reply, gint64 took,
                     ExecutionEnd end)
{
    uint8_t response[VGPU_STUB_QUEUE_RESPONSE_MAX];

    end.length = reply_encode(reply, MIN(took, G_MAXUINT32), response);
    end.status = reply->status;
    end.response = response;
    execution->done(execution, &end);
}
