/*
 * What a worker does for its context: memory, kernels, and an accelerator
 *
 * docs/operations.md is the specification of what a guest may ask for.
 * Everything that a guest sends is checked here, before a backend sees it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_SESSION_H
#define WORKER_SESSION_H

#include "memory.h"
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
    /* For the VM's memory, as memory.h says, with `opaque` */
    MemoryGrant grant;
    gpointer opaque;
} SessionOptions;

/* What the VM may when a request is executed, and has beside this session */
typedef struct SessionLimits {
    uint64_t memory;            /* bytes that it may have allocated */
    uint64_t others;            /* bytes that it has elsewhere */
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

/* What moves more than a request holds, directly from or to the guest's side */
typedef struct SessionBulk {
    uint8_t *bytes;             /* others may write there at any time */
    uint32_t length;            /* 0: there is none */
    uint32_t moved;             /* becomes how many bytes have been, all or 0 */
} SessionBulk;

/* Does the operation with that opcode, if there is one, take long? */
bool session_takes_long(uint32_t opcode);

/*
 * Execute @call, which came with a submission's @flags and with @bulk as they
 * say, or by the mailbox: 0, NULL; within @limits. What was allocated under larger limits stays.
 * @reply, as reply_init() leaves it, becomes the answer, *@exec_us the
 * execution's own time, without that of compiling a program.
 */
void session_execute(Session *session, const SessionLimits *limits,
                     const Call *call, uint32_t flags, SessionBulk *bulk,
                     Reply *reply, gint64 *exec_us);

/*
 * A kernel has made the accelerator fail, as one does that leaves its memory
 * on a GPU: drivers then refuse whatever this process asks for. The worker
 * has to end; the next one starts anew.
 */
bool session_is_lost(const Session *session);

/* Bytes of the VM's memory that it has, as they count against the quota */
uint64_t session_memory(const Session *session);

#endif /* WORKER_SESSION_H */
