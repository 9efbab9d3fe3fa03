/*
 * remoting: sending, and who waits for what a session has under way
 *
 * One thread at a time leads: it waits in the transport and ends what has
 * ended. That is one that waits for a command itself, so that a call which
 * waits costs no switch of threads; the others wait for it. The session's own
 * thread leads when nobody waits for a while.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "session-private.h"

/* How long the session's thread leaves it to the program's threads to lead */
#define PATIENCE_NS 1000000

/* After so many times without anything to do it sleeps. */
#define PAUSES_IDLE 64

bool session_is_busy(const struct session *session)
{
    return session->first != NULL;
}

void session_watch(struct session *session)
{
    if (session_is_busy(session) && session->waiting == 0 &&
        !session->watched) {
        pthread_cond_signal(&session->work);
    }
}

/* A batch that is not in flight, or NULL when the window is full */
static struct batch *free_batch(struct session *session)
{
    for (unsigned i = 0; i < SESSION_WINDOW; i++) {
        if (!session->batches[i].in_flight) {
            return &session->batches[i];
        }
    }
    return NULL;
}

static int submit(struct session *session, struct batch *batch,
                  int64_t deadline_ns)
{
    struct vgpu_stub_io_submission submission = {
        .user_data = batch - session->batches,
        .request = (uintptr_t)batch->request,
        .response = (uintptr_t)batch->response,
        .request_length = batch->request_length,
        .response_capacity = batch->response_capacity,
    };
    struct vgpu_stub_io_enter enter = {
        .submissions = (uintptr_t)&submission,
        .deadline_ns = deadline_ns,
        .submit_count = 1,
    };
    int rc;

    if (batch->bulk) {
        submission.bulk = (uintptr_t)batch->bulk->bulk;
        submission.bulk_length = batch->bulk->bulk_length;
        submission.flags = batch->bulk->bulk_kind == REMOTE_BULK_TO_DEVICE
                           ? VGPU_STUB_IO_BULK_TO_DEVICE
                           : VGPU_STUB_IO_BULK_FROM_DEVICE;
    }
    rc = transport_enter(session->transport, &enter);
    return rc == 0 && enter.submit_count == 0 ? -EAGAIN : rc;
}

/* The last command of the batch is that one: it cannot be done. */
static void spoil_bulk(struct session *session, struct batch *batch)
{
    struct remote_command *command = session->unsent;

    while (command != batch->bulk) {
        command = command->next;
    }
    command->opcode = session->interface->nothing;
    command->flags = 0;
    command->length = session->interface->nothing_size;
    memset(command->body, 0, command->length);
    command->bulk_kind = REMOTE_BULK_NONE;
    command->faulty = true;
}

static void lose_by_errno(struct session *session, int rc)
{
    char why[sizeof(session->lost)];

    snprintf(why, sizeof(why), "%s: %s",
             rc == -ESTALE ? "the worker on the host is gone"
                           : "the device cannot be used",
             strerror(-rc));
    session_lose(session, why);
}

/* Submit what comes next. Returns false when that is all for now. */
static bool send_one(struct session *session, struct batch *batch)
{
    int rc;

    batch_fill(session, batch);
    rc = submit(session, batch, 0);
    if (rc == -EAGAIN || rc == -EINTR ||
        (rc == -ENOMEM && session->in_flight > 0)) {
        return false;
    }
    if ((rc == -EFAULT || rc == -ENOMEM) && batch->bulk) {
        spoil_bulk(session, batch);
        return true;
    }
    if (rc < 0) {
        lose_by_errno(session, rc);
        return false;
    }
    batch->in_flight = true;
    session->in_flight++;
    for (unsigned i = 0; i < batch->count; i++) {
        session->unsent = session->unsent->next;
    }
    return true;
}

void session_send(struct session *session)
{
    bool more = true;

    while (more && !session->is_lost && session->unsent) {
        struct batch *batch = free_batch(session);

        more = batch && send_one(session, batch);
    }
}

/* End everything: it is lost. Without the lock meanwhile. */
static void end_lost(struct session *session)
{
    const struct remote_result result = {
        .status = session->interface->lost,
    };

    if (session->transport) {
        transport_close(session->transport);
        session->transport = NULL;
    }
    while (session->first) {
        struct remote_command *command = batch_pop(session);

        pthread_mutex_unlock(&session->lock);
        command->done(command, &result);
        pthread_mutex_lock(&session->lock);
        session->ended++;
    }
}

static void end_one(struct session *session,
                    const struct vgpu_stub_io_completion *completion)
{
    struct batch *batch = &session->batches[completion->user_data];

    if (completion->status == VGPU_STUB_ERR_NONE &&
        !(completion->flags & VGPU_STUB_IO_COMPLETION_FAULT)) {
        batch_end(session, batch, completion->response_length);
    } else {
        batch_lose(session, batch, completion->status,
                   completion->response_length);
    }
    batch->in_flight = false;
    session->in_flight--;
}

/* Wait until a batch has ended. */
static void wait_and_end(struct session *session)
{
    struct vgpu_stub_io_completion completions[SESSION_WINDOW];
    struct vgpu_stub_io_enter enter = {
        .completions = (uintptr_t)completions,
        .deadline_ns = -1,
        .complete_max = SESSION_WINDOW,
        .complete_min = 1,
    };
    int rc;

    pthread_mutex_unlock(&session->lock);
    rc = transport_enter(session->transport, &enter);
    pthread_mutex_lock(&session->lock);
    if (rc < 0 && rc != -EINTR && rc != -EAGAIN) {
        lose_by_errno(session, rc);
    }
    for (unsigned i = 0; rc == 0 && i < enter.complete_count &&
         !session->is_lost; i++) {
        end_one(session, &completions[i]);
    }
}

/* Nothing is under way, and the transport has no room: others have it all. */
static void wait_for_room(struct session *session)
{
    const struct timespec pause = { .tv_nsec = PATIENCE_NS };

    pthread_mutex_unlock(&session->lock);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&session->lock);
}

void session_step(struct session *session)
{
    session_send(session);
    session->led = true;
    if (session->is_lost) {
        end_lost(session);
    } else if (session->in_flight > 0) {
        wait_and_end(session);
    } else if (session->unsent) {
        wait_for_room(session);
    }
    session_send(session);
    session->led = false;
    pthread_cond_broadcast(&session->progress);
}

void session_wait(struct session *session, uint64_t number)
{
    pthread_mutex_lock(&session->lock);
    session->waiting++;
    while (session->ended <= number || session->ended < session->drain) {
        if (session->led) {
            pthread_cond_wait(&session->progress, &session->lock);
        } else {
            session_step(session);
        }
    }
    session->waiting--;
    session_watch(session);
    pthread_mutex_unlock(&session->lock);
}

/* Give the program's threads the time to wait themselves. */
static void pause_briefly(struct session *session)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PATIENCE_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&session->work, &session->lock, &until);
}

/*
 * While the session is used, its thread looks after it from time to time, so
 * that nobody has to wake it for each command. It sleeps where one waits: that
 * one leads, for as long as the host computes.
 */
void *session_thread(void *opaque)
{
    struct session *session = opaque;
    uint64_t seen = 0;
    unsigned idle = 0;

    pthread_mutex_lock(&session->lock);
    while (!session->closing) {
        if (idle == PAUSES_IDLE || session->waiting > 0) {
            session->watched = false;
            pthread_cond_wait(&session->work, &session->lock);
            session->watched = true;
        }
        pause_briefly(session);
        idle = session_is_busy(session) ? 0 : idle + 1;
        while (session_is_busy(session) && !session->led &&
               session->waiting == 0 && session->ended == seen) {
            session_step(session);
            seen = session->ended;
        }
        seen = session->ended;
    }
    pthread_mutex_unlock(&session->lock);
    return NULL;
}
