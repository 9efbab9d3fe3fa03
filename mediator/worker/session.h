/*
 * What a worker does for its VM: memory, kernels, and an accelerator
 *
 * docs/operations.md is the specification of what a guest may ask for.
 * Everything that a guest sends is checked here, before a backend sees it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_SESSION_H
#define WORKER_SESSION_H

#include "output.h"
#include "protocol/call.h"

typedef struct Session Session;

typedef struct SessionOptions {
    const char *backend;        /* "cpu", "opencl" or "cuda" */
    unsigned device;            /* index among the backend's devices */
    const char *kernels;        /* the catalogue's folder */
    /* The host's files will be out of reach before something is executed. */
    bool closed;
    /* Where kernels print, to be valid as long as the session; or NULL */
    Output *output;
} SessionOptions;

/* What the VM may when a request is executed */
typedef struct SessionLimits {
    uint64_t memory;            /* bytes that it may have allocated */
    bool guest_kernels;         /* programs of its own */
} SessionLimits;

/*
 * Open the accelerator and read the catalogue; nothing of the file system is
 * needed later, but for what the driver itself needs. The message of an error
 * is for the host's administrator.
 */
Session *session_new(const SessionOptions *options, GError **error);
void session_free(Session *session);

/* The accelerator's name, valid UTF-8 */
const char *session_device_name(const Session *session);

/*
 * Try what every request needs: allocate, zero, write and read memory, and
 * compile and run a program where the driver does that. Drivers may open and
 * yet do nothing more. The message of an error is for the host's
 * administrator.
 */
bool session_try(Session *session, GError **error);

/*
 * Execute @call within @limits in @context, whose memory it can use. What was
 * allocated under larger limits stays. @reply, as reply_init() leaves it,
 * becomes the answer, *@exec_us the execution's own time, without that of
 * compiling a program.
 */
void session_execute(Session *session, uint64_t context,
                     const SessionLimits *limits, const Call *call,
                     Reply *reply, gint64 *exec_us);

/* Free all memory that @context has. */
void session_release(Session *session, uint64_t context);

/*
 * A kernel has made the accelerator fail, as one does that leaves its memory
 * on a GPU: drivers then refuse whatever this process asks for. The worker
 * has to end; the next one starts anew.
 */
bool session_is_lost(const Session *session);

/* Has the VM memory here that it would lose with this worker? */
bool session_holds_memory(const Session *session);

#endif /* WORKER_SESSION_H */
