/*
 * OpenCL in the guest: events, and what waits for what
 *
 * SPDX-License-Identifier: MIT
 */
#include "event.h"
#include "event-user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void resolve(cl_event event);

static void event_object_end(void *object)
{
    struct _cl_event *event = object;

    /* A user's, that nobody can set any more */
    if (!event->issued) {
        event->status = CL_INVALID_EVENT;
        event->issued = true;
        resolve(event);
    }
    while (event->callbacks) {
        struct callback *callback = event->callbacks;

        event->callbacks = callback->next;
        free(callback);
    }
    if (event->queue) {
        object_unuse(event->queue);
    }
    object_unuse(event->context);
}

cl_event event_new(cl_context context, cl_command_queue queue,
                   cl_command_type type)
{
    struct _cl_event *event = object_new(OBJECT_EVENT, sizeof(*event),
                                         event_object_end);

    if (!event) {
        return NULL;
    }
    event->context = context;
    event->queue = queue;
    event->type = type;
    event->status = queue ? CL_QUEUED : CL_SUBMITTED;
    object_use(context);
    if (queue) {
        object_use(queue);
    }
    return event;
}

bool event_depend(cl_event event, cl_event other, bool listed)
{
    struct dependent *dependent;

    if (other->issued) {
        event->refused |= listed && other->status < 0;
        return true;
    }
    dependent = calloc(1, sizeof(*dependent));
    if (!dependent) {
        return false;
    }
    *dependent = (struct dependent) {
        .event = event, .listed = listed, .next = other->dependents,
    };
    other->dependents = dependent;
    event->waits++;
    return true;
}

/* Call back those who wait for this status, or one that comes before it. */
static void call_back(cl_event event, cl_int status)
{
    struct callback **link = &event->callbacks;

    while (*link) {
        struct callback *callback = *link;

        if (callback->status < status) {
            link = &callback->next;
            continue;
        }
        *link = callback->next;
        if (status < 0) {
            callback->status = status;
        }
        callback->object = event;
        callback->leave = object_unuse;
        object_use(event);
        callback_put(callback);
    }
}

void work_end(struct work *work)
{
    if (work->end) {
        work->end(work);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (work->used[i]) {
            object_unuse(work->used[i]);
        }
    }
    free(work);
}

/* Its end. The event may be gone afterwards. */
static void end(cl_event event, cl_int status)
{
    event->status = status;
    if (status < 0 && status != CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST) {
        char what[32];

        snprintf(what, sizeof(what), "a command (%#x)", event->type);
        context_notify(event->context, what, status);
    }
    if (event->work) {
        work_end(event->work);
        event->work = NULL;
    }
    if (event->callbacks) {
        call_back(event, CL_RUNNING);
        call_back(event, status);
    }
    opencl_wake();
    object_unuse(event);
}

static void leave_queue(cl_event event)
{
    cl_command_queue queue = event->queue;
    cl_event *link = &queue->held;

    while (*link && *link != event) {
        link = &(*link)->next_held;
    }
    if (*link) {
        *link = event->next_held;
        if (!*link) {
            queue->held_end = link;
        }
    }
    if (queue->barrier == event) {
        queue->barrier = NULL;
    }
    opencl_wake();
}

/* Nothing holds it any more. It stays until resolve() is done with it. */
static void issue(cl_event event)
{
    leave_queue(event);
    event->issued = true;
    object_use(event);
    if (event->refused) {
        end(event, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
        return;
    }
    event->status = CL_SUBMITTED;
    if (event->callbacks) {
        call_back(event, CL_SUBMITTED);
    }
    /* Its commands can end while it puts others. */
    event->pending++;
    event->work->issue(event, event->work);
    if (event->last > event->queue->last) {
        event->queue->last = event->last;
    }
    if (--event->pending == 0) {
        end(event, event->failure);
    }
}

/* An event has been issued, or refused: those that it held go on. */
static void resolve(cl_event event)
{
    cl_event first = event, last = event;

    object_use(event);
    event->next_held = NULL;
    while (first) {
        cl_event current = first;

        while (current->dependents) {
            struct dependent *dependent = current->dependents;
            cl_event waiting = dependent->event;

            current->dependents = dependent->next;
            waiting->refused |= dependent->listed && current->status < 0;
            free(dependent);
            if (--waiting->waits == 0) {
                issue(waiting);
                waiting->next_held = NULL;
                last->next_held = waiting;
                last = waiting;
            }
        }
        first = current->next_held;
        object_unuse(current);
    }
}

void event_begin(cl_event event, struct work *work)
{
    cl_command_queue queue = event->queue;

    event->work = work;
    object_use(event);          /* until its end */
    if (event->waits > 0) {
        *queue->held_end = event;
        queue->held_end = &event->next_held;
        return;
    }
    issue(event);
    object_unuse(event);
    session_flush(event->context->host->session);
}

static void take_times(cl_event event, const struct remote_result *result)
{
    struct vgpu_stub_cl_times times;

    if (result->length < sizeof(times)) {
        return;
    }
    memcpy(&times, result->payload, sizeof(times));
    if (!event->timed) {
        event->times = times;
        event->timed = true;
    }
    event->times.end = times.end;
}

static void piece_done(struct remote_command *command,
                       const struct remote_result *result)
{
    const bool timed = command->flags & VGPU_STUB_CL_FLAG_TIMES;
    const size_t skip = timed && result->length > 0
                        ? sizeof(struct vgpu_stub_cl_times) : 0;
    struct piece *piece = command->opaque;
    cl_event event = piece->event;

    if (result->status == CL_SUCCESS && piece->arrived) {
        piece->arrived(piece, (const char *)result->payload + skip,
                       result->length > skip ? result->length - skip : 0);
    }
    opencl_lock();
    if (timed) {
        take_times(event, result);
    }
    if (result->status != CL_SUCCESS) {
        event_fail(event, result->status);
    }
    if (--event->pending == 0) {
        end(event, event->failure);
    }
    opencl_unlock();
    free(piece);
    free(command);
}

void event_put(cl_event event, struct remote_command *command,
               struct piece *piece, bool timed)
{
    struct piece *own = piece ? piece : calloc(1, sizeof(*own));

    if (!command || !own) {
        event_fail(event, CL_OUT_OF_HOST_MEMORY);
        free(own);
        free(command);
        return;
    }
    own->event = event;
    command->done = piece_done;
    command->opaque = own;
    if (timed && (event->queue->flags & CL_QUEUE_PROFILING_ENABLE)) {
        command->flags |= VGPU_STUB_CL_FLAG_TIMES;
    }
    event->pending++;
    event->last = session_put(event->context->host->session, command);
}

void event_fail(cl_event event, cl_int status)
{
    if (event->failure == CL_SUCCESS) {
        event->failure = status;
    }
}

cl_int event_wait(cl_event event)
{
    struct session *session = event->context->host->session;
    cl_int status;

    object_use(event);
    while (event->status > CL_COMPLETE) {
        if (!event->issued || !event->queue) {
            opencl_wait();
        } else {
            const uint64_t last = event->last;

            opencl_unlock();
            session_wait(session, last);
            opencl_lock();
        }
    }
    status = event->status;
    object_unuse(event);
    return status;
}

void event_set_user(cl_event event, cl_int status)
{
    struct session *session = event->context->host->session;

    event->status = status;
    event->issued = true;
    call_back(event, status);
    resolve(event);
    opencl_wake();
    session_flush(session);
}

void event_add_callback(cl_event event, struct callback *callback)
{
    struct callback **end = &event->callbacks;

    while (*end) {
        end = &(*end)->next;
    }
    *end = callback;
    call_back(event, event->status);
}
