/*
 * A worker's process, and the socket on which it gets its requests
 *
 * What it may say is in worker-protocol.h. A process that says anything else,
 * that closes its socket or exits has failed: it is killed if need be.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_PROCESS_H
#define MEDIATOR_WORKER_PROCESS_H

#include <sys/types.h>

#include "protocol/worker-protocol.h"
#include "starter-client.h"

typedef struct WorkerProcess WorkerProcess;

/* The answer to a request; it has been checked. */
typedef struct WorkerAnswer {
    uint32_t status;            /* VGPU_STUB_ERR_… */
    bool holds_memory;
    const uint8_t *response;    /* valid during the call */
    size_t length;              /* bytes, at most VGPU_STUB_MAX_RESPONSE */
} WorkerAnswer;

/* All of them are called from the main loop. */
typedef struct WorkerProcessHandlers {
    /* It takes a request from now on. */
    void (*ready)(gpointer opaque);
    /* The answer has come; the next request may be sent. */
    void (*answer)(gpointer opaque, const WorkerAnswer *answer);
    /* A context has been released; @holds_memory: there is still some. */
    void (*released)(gpointer opaque, bool holds_memory);
    /* It has printed a line, worker-output.h; also after it has failed. */
    void (*said)(gpointer opaque, const char *text);
    /* It has failed; only `gone` will follow. */
    void (*failed)(gpointer opaque);
    /*
     * It is no more, neither is @process. @why says what was wrong; NULL when
     * it was told to go, and went.
     */
    void (*gone)(gpointer opaque, const char *why);
} WorkerProcessHandlers;

/*
 * Have @starter start one with the options @argv, NULL-terminated. NULL and a
 * G_IO_ERROR when that is not possible.
 */
WorkerProcess *worker_process_new(Starter *starter, const char *const *argv,
                                  const WorkerProcessHandlers *handlers,
                                  gpointer opaque, GError **error);

/* 0 when it has not been started yet */
pid_t worker_process_pid(const WorkerProcess *process);

/*
 * Have it execute a request in @context, within @limits. It is ready and has no
 * request; @length is VGPU_STUB_MAX_REQUEST at most.
 */
void worker_process_send(WorkerProcess *process, uint64_t context,
                         const struct worker_limits *limits,
                         const uint8_t *request, size_t length);

/*
 * Have it free what @context has, also by the request that it may have now.
 * It is ready; there is no request in this context any more.
 */
void worker_process_release(WorkerProcess *process, uint64_t context);

/* Tell it to exit; only `gone` will follow. */
void worker_process_retire(WorkerProcess *process);

/*
 * Kill it; only `gone` will follow. @why, a string constant, is what was wrong
 * with it, or NULL.
 */
void worker_process_kill(WorkerProcess *process, const char *why);

#endif /* MEDIATOR_WORKER_PROCESS_H */
