/*
 * What a guest's program does with OpenCL
 *
 * docs/opencl.md is the specification. Each command is executed by the driver
 * after everything that the driver may not check, or not survive, has been
 * checked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_SESSION_H
#define WORKER_OPENCL_SESSION_H

#include "batch.h"
#include "protocol/call.h"
#include "worker/backend.h"
#include "worker/memory.h"
#include "worker/output.h"

typedef struct ClSession ClSession;

/*
 * On @backend, one of backend_opencl; what it allocates counts in @memory. What
 * kernels print goes to @output, or is lost when that is NULL. All outlive it.
 */
ClSession *cl_session_new(Backend *backend, MemoryTable *memory,
                          Output *output);
void cl_session_free(ClSession *session);

/* A batch, and what becomes of it */
typedef struct ClRequest {
    const uint8_t *bytes;       /* does not change meanwhile */
    size_t length;
    ClBulk bulk;
    Reply *reply;               /* without anything yet */
    uint32_t *bulk_moved;       /* becomes all of the bulk or 0, in bytes */
    gint64 *exec_us;            /* grows by the time on the device */
} ClRequest;

/*
 * Execute it, and return when the device is done. That OpenCL refuses a command
 * is no error.
 *
 * Errors: BACKEND_ERROR; INVALID_REQUEST and INVALID_LENGTH: nothing was
 * executed; BACKEND_ERROR: the device does nothing more.
 */
bool cl_session_execute(ClSession *session, const ClRequest *request,
                        GError **error);

#endif /* WORKER_OPENCL_SESSION_H */
