/*
 * A worker's process, and the socket on which it gets its requests
 *
 * What it may say is in worker-protocol.h. A process that says anything else,
 * that closes its socket or exits has failed: it is killed if need be.
 *
 * It is a worker here, or a launcher: a program that has a worker started
 * elsewhere and carries what the worker's gate there and this side say. A place
 * that says nothing for WORKER_SILENCE_S has failed, too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_WORKER_PROCESS_H
#define MEDIATOR_WORKER_PROCESS_H

#include <sys/types.h>

#include "protocol/arena.h"
#include "protocol/worker-protocol.h"
#include "starter-client.h"

typedef struct WorkerProcess WorkerProcess;

/* The answer to a request; it has been checked. */
typedef struct WorkerAnswer {
    uint32_t status;            /* VGPU_STUB_ERR_… */
    /* Valid during the call; NULL: the answer says that it is in the arena. */
    const uint8_t *response;
    size_t length;              /* bytes, at most VGPU_STUB_MAX_RESPONSE, or
                                 * nobody has looked at it … */
    uint32_t bulk_moved;        /* … nor at this */
    int64_t took;               /* µs, as its gate says; 0: it has none */
} WorkerAnswer;

/* All of them are called from the main loop. */
typedef struct WorkerProcessHandlers {
    /* It takes requests from now on. */
    void (*ready)(gpointer opaque);
    /*
     * The answer to the first request that has none has come. false with
     * @error, a WIRE_ERROR, when it cannot be that.
     */
    bool (*answer)(gpointer opaque, const WorkerAnswer *answer,
                   GError **error);
    /*
     * Of the requests that have no answer, the one @number, from 0, is there with
     * its bytes; or it has been executed, and bytes are on their way back before
     * its answer is. Only of one elsewhere, and of a queue's.
     */
    void (*came)(gpointer opaque, guint number);
    void (*computed)(gpointer opaque, guint number);
    /*
     * It has @held bytes of memory now, and wants @wanted more; unless that is
     * 0, worker_process_grant() is to follow. false with @error, a WIRE_ERROR,
     * when that cannot be.
     */
    bool (*memory)(gpointer opaque, uint64_t held, uint64_t wanted,
                   GError **error);
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

/*
 * The same for one elsewhere: have @launchers run the launcher that is the first
 * of @argv, with the gate's options that follow.
 */
WorkerProcess *worker_process_launch(Starter *launchers,
                                     const char *const *argv,
                                     const WorkerProcessHandlers *handlers,
                                     gpointer opaque, GError **error);

/*
 * Where it is: NULL here, else the name of its host, or the launcher as long as
 * that is not known. It is as good as the word of who runs the place.
 */
const char *worker_process_place(const WorkerProcess *process);

/*
 * Whether what it does is to blame for its failure, and not the place or the way
 * to it; to be asked after it has failed.
 */
bool worker_process_is_to_blame(const WorkerProcess *process);

/*
 * Tell its place for which context of the VM called @vm it is; one here is not
 * told. It is ready, and shares nothing yet.
 */
void worker_process_tell_owner(WorkerProcess *process, const char *vm,
                               uint64_t context);

/* What its handlers are called with from now on */
void worker_process_set_owner(WorkerProcess *process, gpointer opaque);

/* 0 when it has not been started yet */
pid_t worker_process_pid(const WorkerProcess *process);

/* Bytes that it has not read yet, without those that are on their way */
guint worker_process_waiting(const WorkerProcess *process);

/*
 * What the VM may from the next request on. It is ready; nothing is sent when
 * that is what it was told before.
 */
void worker_process_set_limits(WorkerProcess *process,
                               const struct worker_limits *limits);

/*
 * Have it execute a mailbox's request, after those that it has. It is ready and
 * knows its limits; @length is VGPU_STUB_MAX_REQUEST at most.
 */
void worker_process_send(WorkerProcess *process, const uint8_t *request,
                         size_t length);

/*
 * Share @arena, that of @context, with it; it is ready, and has had none. If
 * there is no descriptor for that it is killed, as one that fails. What is in
 * the place of a request is read, and written, until that is answered.
 */
void worker_process_share(WorkerProcess *process, uint64_t context,
                          Arena *arena);

/*
 * Have it execute a queue's request, which is checked, after those that it has.
 * It shares the arena and knows its limits. Returns whether its bytes are on their
 * way: `came` is to follow.
 */
bool worker_process_send_queued(WorkerProcess *process,
                                const WireQrequest *request);

/* It has got the memory that it wanted, or not: as worker-protocol.h says. */
void worker_process_grant(WorkerProcess *process, bool granted,
                          const struct worker_grant *grant);

/* Tell it to exit; only `gone` will follow. */
void worker_process_retire(WorkerProcess *process);

/*
 * Kill it; only `gone` will follow. @why, a string constant, is what was wrong
 * with it, or NULL.
 */
void worker_process_kill(WorkerProcess *process, const char *why);

#endif /* MEDIATOR_WORKER_PROCESS_H */
