/*
 * A session's batches of OpenCL's commands
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session-private.h"

bool session_has_opencl(const Session *session, const SessionLimits *limits,
                        GError **error)
{
    if (session->class != &backend_opencl) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                    "the backend %s has no OpenCL", session->class->name);
        return false;
    }
    return session_check_programs(session, limits, error);
}

bool session_opencl(Session *session, const SessionRequest *request,
                    GError **error)
{
    const Call *call = request->call;
    const ClRequest batch = {
        .bytes = call->data,
        .length = call->data_length,
        .bulk = {
            request->bulk->bytes, request->bulk->length, request->flags,
        },
        .reply = request->reply,
        .bulk_moved = &request->bulk->moved,
        .exec_us = request->exec_us,
    };
    g_autoptr(GError) why = NULL;

    if (!session_has_opencl(session, request->limits, error)) {
        return false;
    }
    if (session->opencl == NULL) {
        session->opencl = cl_session_new(session->backend, session->memory,
                                         session->output);
    }
    if (cl_session_execute(session->opencl, &batch, &why)) {
        return true;
    }
    session->lost = why->code != VGPU_STUB_ERR_INVALID_REQUEST &&
                    why->code != VGPU_STUB_ERR_INVALID_LENGTH;
    g_propagate_error(error, g_steal_pointer(&why));
    return false;
}
