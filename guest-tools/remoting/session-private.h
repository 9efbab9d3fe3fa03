/*
 * remoting: what the files of a session share
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REMOTING_SESSION_PRIVATE_H
#define REMOTING_SESSION_PRIVATE_H

#include <pthread.h>

#include "session.h"
#include "transport.h"
#include "vgpu-stub-opencl.h"

/* Batches that are under way at a time */
#define SESSION_WINDOW 4

struct batch {
    uint64_t first;             /* number of its first command */
    uint32_t count;
    bool in_flight;
    bool stale;                 /* one before it was not executed to its end */
    const struct remote_command *bulk;      /* its command with bulk, or NULL */
    uint32_t request_length;    /* bytes */
    uint32_t response_capacity;
    _Alignas(8) uint8_t request[VGPU_STUB_QUEUE_REQUEST_MAX];
    _Alignas(8) uint8_t response[VGPU_STUB_QUEUE_RESPONSE_MAX];
};

struct session {
    const struct session_interface *interface;
    struct transport *transport;        /* NULL: lost, and closed */
    pthread_t thread;

    pthread_mutex_t lock;       /* for all that follows */
    pthread_cond_t progress;    /* for those who wait for commands */
    pthread_cond_t work;        /* for the session's thread */
    struct remote_command *first;       /* the oldest that has not ended */
    struct remote_command **end;        /* where the next is appended */
    struct remote_command *unsent;      /* the first that has to be sent */
    uint64_t next_number;
    uint64_t ended;             /* number of the first that has not ended */
    uint64_t drain;             /* what is printed is there before this one */
    unsigned batch_limit;       /* commands of a batch */
    unsigned whole;             /* batches, since one was not executed whole */
    unsigned in_flight;         /* batches */
    unsigned waiting;           /* threads in session_wait() */
    bool led;                   /* a thread waits in the transport */
    bool watched;               /* the session's thread looks after it */
    bool closing;
    bool is_lost;
    char lost[160];             /* why; does not change then */
    struct batch batches[SESSION_WINDOW];
};

/* All with the lock held */

/* As session_put() */
uint64_t session_append(struct session *session,
                        struct remote_command *command);

/* Send what the window has room for. */
void session_send(struct session *session);

/*
 * As the only one that leads: wait until something has ended, and end it. The
 * lock is not held meanwhile.
 */
void session_step(struct session *session);

/* It is lost; @why is a sentence. Only the first reason counts. */
void session_lose(struct session *session, const char *why);

/* Have the session's thread look after what is under way. */
void session_watch(struct session *session);

/* Is there something to send or to wait for? */
bool session_is_busy(const struct session *session);

/* Fill a batch with what is unsent. */
void batch_fill(struct session *session, struct batch *batch);

/*
 * Evaluate the answer to a batch that was executed, without the lock meanwhile.
 * @length: bytes of the response
 */
void batch_end(struct session *session, struct batch *batch, uint32_t length);

/* A batch ended with this ERROR_CODE: the session is lost. */
void batch_lose(struct session *session, const struct batch *batch,
                uint32_t status, uint32_t length);

/* Take off the oldest command, which has ended. */
struct remote_command *batch_pop(struct session *session);

/* The session's thread */
void *session_thread(void *opaque);

#endif /* REMOTING_SESSION_PRIVATE_H */
