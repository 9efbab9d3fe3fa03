/*
 * OpenCL in the guest: what all functions that enqueue a command do
 *
 * SPDX-License-Identifier: MIT
 */
#include "enqueue.h"

#include <stdlib.h>

static cl_int check_wait_list(const struct enqueue *call)
{
    if ((call->count == 0) != (call->list == NULL)) {
        return CL_INVALID_EVENT_WAIT_LIST;
    }
    for (cl_uint i = 0; i < call->count; i++) {
        if (!object_is(call->list[i], OBJECT_EVENT)) {
            return CL_INVALID_EVENT_WAIT_LIST;
        }
        if (call->list[i]->context != call->queue->context) {
            return CL_INVALID_CONTEXT;
        }
    }
    return CL_SUCCESS;
}

cl_int enqueue_begin(struct enqueue *call)
{
    opencl_lock();
    if (!object_is(call->queue, OBJECT_QUEUE)) {
        return CL_INVALID_COMMAND_QUEUE;
    }
    return check_wait_list(call);
}

cl_int enqueue_check_mem(const struct enqueue *call, cl_mem mem)
{
    if (!object_is(mem, OBJECT_MEM)) {
        return CL_INVALID_MEM_OBJECT;
    }
    return mem->context == call->queue->context ? CL_SUCCESS
                                                : CL_INVALID_CONTEXT;
}

cl_int enqueue_check_buffer(const struct enqueue *call, cl_mem mem)
{
    const cl_int status = enqueue_check_mem(call, mem);

    return status == CL_SUCCESS && mem->type != CL_MEM_OBJECT_BUFFER
           ? CL_INVALID_MEM_OBJECT : status;
}

cl_int enqueue_check_image(const struct enqueue *call, cl_mem mem)
{
    const cl_int status = enqueue_check_mem(call, mem);

    return status == CL_SUCCESS && mem->type == CL_MEM_OBJECT_BUFFER
           ? CL_INVALID_MEM_OBJECT : status;
}

/* What the queue's order makes it wait for */
static bool depend_on_queue(const struct enqueue *call, cl_event event)
{
    cl_command_queue queue = call->queue;
    bool good = !queue->barrier || event_depend(event, queue->barrier, false);

    if (queue_is_in_order(queue) || call->after_all) {
        /* In order, each that is held holds the next. */
        for (cl_event held = queue->held; good && held;
             held = held->next_held) {
            if (call->after_all || !held->next_held) {
                good = event_depend(event, held, false);
            }
        }
    }
    return good;
}

static bool depend(const struct enqueue *call, cl_event event)
{
    bool good = depend_on_queue(call, event);

    for (cl_uint i = 0; good && i < call->count; i++) {
        good = event_depend(event, call->list[i], true);
    }
    return good;
}

/* Returns the event with a reference; NULL: no memory. */
static cl_event start(const struct enqueue *call, struct work *work)
{
    cl_event event = event_new(call->queue->context, call->queue, call->type);

    if (!event) {
        return NULL;
    }
    if (!depend(call, event)) {
        /* It may be held by some already, and must not do anything then. */
        event->refused = true;
    }
    event_begin(event, work);
    if (call->barrier && !event->issued) {
        call->queue->barrier = event;
    }
    return event;
}

static void forget_work(struct work *work)
{
    if (work) {
        work_end(work);
    }
}

cl_int enqueue_end(struct enqueue *call, cl_int status, void *work)
{
    cl_event event = NULL;

    if (status == CL_SUCCESS) {
        event = work ? start(call, work) : NULL;
        status = event ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    if (!event) {
        forget_work(work);
        opencl_unlock();
        return status;
    }
    if (call->event) {
        *call->event = event;
    }
    if (call->blocking) {
        status = event_wait(event);
    }
    opencl_unlock();
    if (!call->event) {
        clReleaseEvent(event);
    }
    return status;
}

void *work_new(size_t size, void (*issue)(cl_event, struct work *))
{
    struct work *work = calloc(1, size);

    if (work) {
        work->issue = issue;
    }
    return work;
}

void work_use(void *work, void *object)
{
    struct work *own = work;

    if (own) {
        object_use(object);
        own->used[own->used[0] ? 1 : 0] = object;
    }
}
