/*
 * OpenCL in the guest: commands that only wait
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "enqueue.h"
#include "marker.h"

void marker_issue(cl_event event, struct work *work)
{
    const struct vgpu_stub_cl_object nothing = { .id = 0 };

    (void)work;
    event_put(event, HOST_COMMAND(MARKER, &nothing), NULL, true);
}

static cl_int enqueue_marker(struct enqueue *call, cl_int status)
{
    struct work *work = NULL;

    if (status == CL_SUCCESS) {
        work = work_new(sizeof(*work), marker_issue);
    }
    return enqueue_end(call, status, work);
}

cl_int CL_API_CALL clEnqueueMarkerWithWaitList(cl_command_queue queue,
                                               cl_uint count,
                                               const cl_event *list,
                                               cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_MARKER, false, count, list,
                            event, false, count == 0 };
    const cl_int status = enqueue_begin(&call);

    return enqueue_marker(&call, status);
}

cl_int CL_API_CALL clEnqueueBarrierWithWaitList(cl_command_queue queue,
                                                cl_uint count,
                                                const cl_event *list,
                                                cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_BARRIER, false, count, list,
                            event, true, count == 0 };
    const cl_int status = enqueue_begin(&call);

    return enqueue_marker(&call, status);
}

cl_int CL_API_CALL clEnqueueMarker(cl_command_queue queue, cl_event *event)
{
    if (!object_is(queue, OBJECT_QUEUE)) {
        return CL_INVALID_COMMAND_QUEUE;
    }
    return event ? clEnqueueMarkerWithWaitList(queue, 0, NULL, event)
                 : CL_INVALID_VALUE;
}

cl_int CL_API_CALL clEnqueueBarrier(cl_command_queue queue)
{
    return clEnqueueBarrierWithWaitList(queue, 0, NULL, NULL);
}

/* It has an error of its own for events that are none. */
cl_int CL_API_CALL clEnqueueWaitForEvents(cl_command_queue queue,
                                          cl_uint count, const cl_event *list)
{
    struct enqueue call = { queue, CL_COMMAND_BARRIER, false, count, list,
                            NULL, true, false };
    cl_int status;

    if (object_is(queue, OBJECT_QUEUE) && (count == 0 || !list)) {
        return CL_INVALID_VALUE;
    }
    status = enqueue_begin(&call);
    if (status == CL_INVALID_EVENT_WAIT_LIST) {
        status = CL_INVALID_EVENT;
    }
    return enqueue_marker(&call, status);
}

cl_int CL_API_CALL clEnqueueMigrateMemObjects(
    cl_command_queue queue, cl_uint mem_count, const cl_mem *mems,
    cl_mem_migration_flags flags, cl_uint count, const cl_event *list,
    cl_event *event)
{
    const cl_mem_migration_flags known = CL_MIGRATE_MEM_OBJECT_HOST |
        CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED;
    struct enqueue call = { queue, CL_COMMAND_MIGRATE_MEM_OBJECTS, false,
                            count, list, event, false, false };
    cl_int status = enqueue_begin(&call);

    if (status == CL_SUCCESS && (mem_count == 0 || !mems || (flags & ~known))) {
        status = CL_INVALID_VALUE;
    }
    for (cl_uint i = 0; status == CL_SUCCESS && i < mem_count; i++) {
        status = enqueue_check_mem(&call, mems[i]);
    }
    return enqueue_marker(&call, status);
}

/* CL_DEVICE_EXECUTION_CAPABILITIES has no native kernels. */
cl_int CL_API_CALL clEnqueueNativeKernel(
    cl_command_queue queue, void (CL_CALLBACK *function)(void *), void *args,
    size_t size, cl_uint mem_count, const cl_mem *mems,
    const void **locations, cl_uint count, const cl_event *list,
    cl_event *event)
{
    (void)function;
    (void)args;
    (void)size;
    (void)mem_count;
    (void)mems;
    (void)locations;
    (void)count;
    (void)list;
    (void)event;
    return object_is(queue, OBJECT_QUEUE) ? CL_INVALID_OPERATION
                                          : CL_INVALID_COMMAND_QUEUE;
}
