/*
 * What the parts of a session have in common; for session*.c alone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_SESSION_PRIVATE_H
#define WORKER_SESSION_PRIVATE_H

#include "backend.h"
#include "catalogue.h"
#include "memory.h"
#include "opencl/session.h"
#include "programs.h"
#include "session.h"

struct Session {
    const BackendClass *class;
    Backend *backend;
    BackendDevice device;
    char *name;                 /* the device's */
    bool closed;                /* the file system is, or will be */
    bool warned;                /* of a program that does not compile */
    bool lost;                  /* the driver does nothing more for us */
    Output *output;             /* where kernels print; NULL: unknown */
    Catalogue *catalogue;
    GArray *rows;               /* of the kernels that can be run */
    MemoryTable *memory;
    Programs *programs;
    ClSession *opencl;          /* of the guest's program; NULL: none yet */
};

/* A call, and what becomes of it */
typedef struct SessionRequest {
    const SessionLimits *limits;
    const Call *call;
    uint32_t flags;             /* VGPU_STUB_SUBMIT_… */
    SessionBulk *bulk;
    Reply *reply;
    gint64 *exec_us;
} SessionRequest;

/* Its error is one of BACKEND_ERROR. */
typedef bool (*Operation)(Session *session, const SessionRequest *request,
                          GError **error);

/* Append @value to the results. */
void session_append32(Reply *reply, uint32_t value);
void session_append64(Reply *reply, uint64_t value);

/* session-memory.c */
bool session_memory_alloc(Session *session, const SessionRequest *request,
                          GError **error);
bool session_memory_free(Session *session, const SessionRequest *request,
                         GError **error);
bool session_memory_free_all(Session *session, const SessionRequest *request,
                             GError **error);
bool session_memory_copy(Session *session, const SessionRequest *request,
                         GError **error);

/* session-opencl.c */
bool session_opencl(Session *session, const SessionRequest *request,
                    GError **error);

/* Whether that would be executed, else with @error */
bool session_has_opencl(const Session *session, const SessionLimits *limits,
                        GError **error);

/* session-kernel.c */

/* May the VM bring a program of its own now? */
bool session_check_programs(const Session *session,
                            const SessionLimits *limits, GError **error);
bool session_kernel(Session *session, const SessionRequest *request,
                    GError **error);

/* session-list.c */
GArray *session_kernel_rows(const BackendClass *class,
                            const Catalogue *catalogue);
bool session_list_kernels(Session *session, const SessionRequest *request,
                          GError **error);

#endif /* WORKER_SESSION_PRIVATE_H */
