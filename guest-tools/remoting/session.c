/*
 * remoting: a program's session with its worker on the host
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session-private.h"

static void init_conditions(struct session *session)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&session->progress, &attributes);
    pthread_cond_init(&session->work, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Signals are for the threads of the program. */
static int start_thread(struct session *session)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&session->thread, NULL, session_thread, session);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error ? -EAGAIN : 0;
}

int session_open(unsigned device, const struct session_interface *interface,
                 struct session **result)
{
    struct session *session = calloc(1, sizeof(*session));
    int rc = session ? transport_open(device, &session->transport) : -ENOMEM;

    if (rc < 0) {
        free(session);
        return rc;
    }
    session->interface = interface;
    session->end = &session->first;
    session->batch_limit = VGPU_STUB_CL_BATCH_MAX;
    pthread_mutex_init(&session->lock, NULL);
    init_conditions(session);
    rc = start_thread(session);
    if (rc < 0) {
        transport_close(session->transport);
        free(session);
        return rc;
    }
    *result = session;
    return 0;
}

void session_close(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->closing = true;
    pthread_cond_signal(&session->work);
    pthread_mutex_unlock(&session->lock);
    pthread_join(session->thread, NULL);
    if (session->transport) {
        transport_close(session->transport);
    }
    pthread_cond_destroy(&session->work);
    pthread_cond_destroy(&session->progress);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

int session_operation(struct session *session, uint32_t opcode,
                      uint32_t *results, unsigned count)
{
    struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION, .opcode = opcode,
    };
    uint8_t response[VGPU_STUB_BUF_SIZE] = { 0 };
    const size_t size = count * sizeof(*results);
    struct vgpu_stub_io_submission submission = {
        .request = (uintptr_t)&request,
        .response = (uintptr_t)response,
        .request_length = sizeof(request),
        .response_capacity = sizeof(response),
    };
    struct vgpu_stub_io_completion completion;
    struct vgpu_stub_io_enter enter = {
        .submissions = (uintptr_t)&submission,
        .completions = (uintptr_t)&completion,
        .deadline_ns = -1,
        .complete_max = 1,
        .complete_min = 1,
    };
    bool submitted = false;
    int rc;

    do {
        enter.submit_count = submitted ? 0 : 1;
        rc = transport_enter(session->transport, &enter);
        submitted |= rc == 0 && enter.submit_count == 1;
    } while (rc == -EINTR || (rc == 0 && enter.complete_count == 0));
    if (rc < 0) {
        return rc;
    }
    if (completion.status == VGPU_STUB_ERR_NONE) {
        memcpy(results, response + sizeof(struct vgpu_stub_response), size);
    }
    return completion.status;
}

uint64_t session_append(struct session *session,
                        struct remote_command *command)
{
    command->next = NULL;
    command->number = session->next_number++;
    *session->end = command;
    session->end = &command->next;
    if (!session->unsent) {
        session->unsent = command;
    }
    return command->number;
}

uint64_t session_put(struct session *session, struct remote_command *command)
{
    uint64_t number;

    pthread_mutex_lock(&session->lock);
    number = session_append(session, command);
    pthread_mutex_unlock(&session->lock);
    return number;
}

void session_flush(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session_send(session);
    session_watch(session);
    pthread_mutex_unlock(&session->lock);
}

const char *session_lost(struct session *session)
{
    const char *why;

    pthread_mutex_lock(&session->lock);
    why = session->is_lost ? session->lost : NULL;
    pthread_mutex_unlock(&session->lock);
    return why;
}

void session_lose(struct session *session, const char *why)
{
    if (!session->is_lost) {
        session->is_lost = true;
        snprintf(session->lost, sizeof(session->lost), "%s", why);
    }
}

void session_fork_prepare(struct session *session)
{
    pthread_mutex_lock(&session->lock);
}

void session_fork_parent(struct session *session)
{
    pthread_mutex_unlock(&session->lock);
}

/* The child has neither the session's thread nor those that were waiting. */
void session_fork_child(struct session *session)
{
    pthread_mutex_init(&session->lock, NULL);
    init_conditions(session);
    session->waiting = 0;
    session->led = false;
    session->watched = true;            /* by nobody */
    session_lose(session, "it belongs to the process before the fork");
}
