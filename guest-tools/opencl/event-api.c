/*
 * OpenCL in the guest: the functions about events
 *
 * SPDX-License-Identifier: MIT
 */
#include "event.h"
#include "event-user.h"
#include "info.h"

static bool is_event(cl_event event)
{
    return object_is(event, OBJECT_EVENT);
}

/* With the lock: all are events of one context. */
static cl_int check_list(cl_uint count, const cl_event *list)
{
    if (count == 0 || !list) {
        return CL_INVALID_VALUE;
    }
    for (cl_uint i = 0; i < count; i++) {
        if (!is_event(list[i])) {
            return CL_INVALID_EVENT;
        }
        if (list[i]->context != list[0]->context) {
            return CL_INVALID_CONTEXT;
        }
    }
    return CL_SUCCESS;
}

cl_int CL_API_CALL clWaitForEvents(cl_uint count, const cl_event *list)
{
    cl_int status;

    opencl_lock();
    status = check_list(count, list);
    for (cl_uint i = 0; i < count && (status == CL_SUCCESS ||
         status == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST); i++) {
        if (event_wait(list[i]) < 0) {
            status = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
        }
    }
    opencl_unlock();
    return status;
}

cl_int CL_API_CALL clRetainEvent(cl_event event)
{
    return object_retain(event, OBJECT_EVENT, CL_INVALID_EVENT);
}

cl_int CL_API_CALL clReleaseEvent(cl_event event)
{
    return object_release(event, OBJECT_EVENT, CL_INVALID_EVENT);
}

cl_int CL_API_CALL clGetEventInfo(cl_event event, cl_event_info name,
                                  size_t size, void *value, size_t *size_ret)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_EVENT_COMMAND_QUEUE, struct _cl_event, queue),
        INFO_FIELD(CL_EVENT_CONTEXT, struct _cl_event, context),
        INFO_FIELD(CL_EVENT_COMMAND_TYPE, struct _cl_event, type),
        INFO_FIELD(CL_EVENT_COMMAND_EXECUTION_STATUS, struct _cl_event,
                   status),
        INFO_FIELD(CL_EVENT_REFERENCE_COUNT, struct _cl_event, object.refs),
    };
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_EVENT;

    opencl_lock();
    if (is_event(event)) {
        status = INFO_FIELDS(&info, event, fields, name);
    }
    opencl_unlock();
    return status;
}

cl_int CL_API_CALL clGetEventProfilingInfo(cl_event event,
                                           cl_profiling_info name, size_t size,
                                           void *value, size_t *size_ret)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_PROFILING_COMMAND_QUEUED, struct _cl_event,
                   times.queued),
        INFO_FIELD(CL_PROFILING_COMMAND_SUBMIT, struct _cl_event,
                   times.submit),
        INFO_FIELD(CL_PROFILING_COMMAND_START, struct _cl_event, times.start),
        INFO_FIELD(CL_PROFILING_COMMAND_END, struct _cl_event, times.end),
        INFO_FIELD(CL_PROFILING_COMMAND_COMPLETE, struct _cl_event, times.end),
    };
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_EVENT;

    opencl_lock();
    if (is_event(event)) {
        status = event->timed && event->status == CL_COMPLETE
                 ? INFO_FIELDS(&info, event, fields, name)
                 : CL_PROFILING_INFO_NOT_AVAILABLE;
    }
    opencl_unlock();
    return status;
}

static void call_function(struct callback *callback)
{
    void (CL_CALLBACK *function)(cl_event, cl_int, void *) =
        callback->function;

    function(callback->object, callback->status, callback->user_data);
}

cl_int CL_API_CALL clSetEventCallback(
    cl_event event, cl_int type,
    void (CL_CALLBACK *function)(cl_event, cl_int, void *), void *user_data)
{
    struct callback *callback;
    cl_int status = CL_INVALID_EVENT;

    opencl_lock();
    if (is_event(event)) {
        status = function && (type == CL_COMPLETE || type == CL_RUNNING ||
                              type == CL_SUBMITTED)
                 ? CL_SUCCESS : CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS) {
        callback = callback_new(call_function, function, user_data);
        if (callback) {
            callback->status = type;
            event_add_callback(event, callback);
        } else {
            status = CL_OUT_OF_HOST_MEMORY;
        }
    }
    opencl_unlock();
    return status;
}

cl_event CL_API_CALL clCreateUserEvent(cl_context context, cl_int *errcode_ret)
{
    cl_int status = CL_INVALID_CONTEXT;
    cl_event event = NULL;

    opencl_lock();
    if (object_is(context, OBJECT_CONTEXT)) {
        event = event_new(context, NULL, CL_COMMAND_USER);
        status = event ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    opencl_unlock();
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return event;
}

cl_int CL_API_CALL clSetUserEventStatus(cl_event event, cl_int status)
{
    cl_int result = CL_SUCCESS;

    opencl_lock();
    if (!is_event(event) || event->queue) {
        result = CL_INVALID_EVENT;
    } else if (status > CL_COMPLETE) {
        result = CL_INVALID_VALUE;
    } else if (event->issued) {
        result = CL_INVALID_OPERATION;
    } else {
        event_set_user(event, status);
    }
    opencl_unlock();
    return result;
}
