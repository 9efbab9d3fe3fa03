/*
 * OpenCL in the guest: command queues
 *
 * SPDX-License-Identifier: MIT
 */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

#include "info.h"

#define FLAGS (CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE | \
               CL_QUEUE_PROFILING_ENABLE)

static void queue_end(void *object)
{
    struct _cl_command_queue *queue = object;

    free(queue->properties);
    object_unuse(queue->context);
}

/* With the lock */
static cl_command_queue queue_new(cl_context context,
                                  cl_command_queue_properties flags,
                                  const cl_queue_properties *properties,
                                  size_t size)
{
    struct _cl_command_queue *queue = object_new(OBJECT_QUEUE, sizeof(*queue),
                                                 queue_end);

    if (!queue) {
        return NULL;
    }
    if (size > 0) {
        queue->properties = malloc(size);
        if (!queue->properties) {
            free(queue);
            return NULL;
        }
        memcpy(queue->properties, properties, size);
    }
    queue->properties_size = size;
    queue->context = context;
    queue->device = context->device;
    queue->flags = flags;
    queue->held_end = &queue->held;
    object_use(context);
    return queue;
}

static cl_int check_flags(cl_command_queue_properties flags)
{
    const cl_command_queue_properties known = FLAGS | CL_QUEUE_ON_DEVICE |
                                              CL_QUEUE_ON_DEVICE_DEFAULT;

    if (flags & ~known) {
        return CL_INVALID_VALUE;
    }
    return flags & ~(cl_command_queue_properties)FLAGS
           ? CL_INVALID_QUEUE_PROPERTIES : CL_SUCCESS;
}

/* What these say: the flags, and the bytes with the end */
static cl_int read_properties(const cl_queue_properties *properties,
                              cl_command_queue_properties *flags, size_t *size)
{
    size_t count = 0;

    *flags = 0;
    *size = 0;
    if (!properties) {
        return CL_SUCCESS;
    }
    for (; properties[count]; count += 2) {
        if (properties[count] == CL_QUEUE_SIZE) {
            return CL_INVALID_QUEUE_PROPERTIES;
        }
        if (properties[count] != CL_QUEUE_PROPERTIES) {
            return CL_INVALID_VALUE;
        }
        *flags = properties[count + 1];
    }
    *size = (count + 1) * sizeof(*properties);
    return check_flags(*flags);
}

static cl_command_queue create(cl_context context, cl_device_id device,
                               cl_command_queue_properties flags,
                               const cl_queue_properties *properties,
                               size_t size, cl_int status, cl_int *errcode_ret)
{
    cl_command_queue queue = NULL;

    opencl_lock();
    if (!object_is(context, OBJECT_CONTEXT)) {
        status = CL_INVALID_CONTEXT;
    } else if (!object_is(device, OBJECT_DEVICE) ||
               !context_has_device(context, device)) {
        status = CL_INVALID_DEVICE;
    } else if (status == CL_SUCCESS) {
        queue = queue_new(context, flags, properties, size);
        status = queue ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    }
    opencl_unlock();
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return queue;
}

cl_command_queue CL_API_CALL clCreateCommandQueueWithProperties(
    cl_context context, cl_device_id device,
    const cl_queue_properties *properties, cl_int *errcode_ret)
{
    cl_command_queue_properties flags;
    size_t size;
    const cl_int status = read_properties(properties, &flags, &size);

    return create(context, device, flags, properties, size, status,
                  errcode_ret);
}

cl_command_queue CL_API_CALL clCreateCommandQueue(
    cl_context context, cl_device_id device,
    cl_command_queue_properties flags, cl_int *errcode_ret)
{
    return create(context, device, flags, NULL, 0,
                  flags & ~(cl_command_queue_properties)FLAGS
                  ? CL_INVALID_VALUE : CL_SUCCESS, errcode_ret);
}

cl_int CL_API_CALL clRetainCommandQueue(cl_command_queue queue)
{
    return object_retain(queue, OBJECT_QUEUE, CL_INVALID_COMMAND_QUEUE);
}

/* Everything has been flushed when it was enqueued. */
cl_int CL_API_CALL clReleaseCommandQueue(cl_command_queue queue)
{
    return object_release(queue, OBJECT_QUEUE, CL_INVALID_COMMAND_QUEUE);
}

/* With the lock */
static cl_int queue_info(cl_command_queue queue, cl_command_queue_info name,
                         const struct info *info)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_QUEUE_CONTEXT, struct _cl_command_queue, context),
        INFO_FIELD(CL_QUEUE_DEVICE, struct _cl_command_queue, device),
        INFO_FIELD(CL_QUEUE_REFERENCE_COUNT, struct _cl_command_queue,
                   object.refs),
        INFO_FIELD(CL_QUEUE_PROPERTIES, struct _cl_command_queue, flags),
    };

    switch (name) {
    case CL_QUEUE_PROPERTIES_ARRAY:
        return info_bytes(info, queue->properties, queue->properties_size);
    case CL_QUEUE_SIZE:
        return CL_INVALID_COMMAND_QUEUE;        /* of those on a device */
    case CL_QUEUE_DEVICE_DEFAULT:
        return INFO_RETURN(info, cl_command_queue, NULL);
    default:
        return INFO_FIELDS(info, queue, fields, name);
    }
}

cl_int CL_API_CALL clGetCommandQueueInfo(cl_command_queue queue,
                                         cl_command_queue_info name,
                                         size_t size, void *value,
                                         size_t *size_ret)
{
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_COMMAND_QUEUE;

    opencl_lock();
    if (object_is(queue, OBJECT_QUEUE)) {
        status = queue_info(queue, name, &info);
    }
    opencl_unlock();
    return status;
}

/* A function of OpenCL 1.0; devices of a later version refuse it. */
cl_int CL_API_CALL clSetCommandQueueProperty(
    cl_command_queue queue, cl_command_queue_properties properties,
    cl_bool enable, cl_command_queue_properties *old)
{
    (void)properties;
    (void)enable;
    (void)old;
    return object_is(queue, OBJECT_QUEUE) ? CL_INVALID_OPERATION
                                          : CL_INVALID_COMMAND_QUEUE;
}

cl_int CL_API_CALL clFlush(cl_command_queue queue)
{
    if (!object_is(queue, OBJECT_QUEUE)) {
        return CL_INVALID_COMMAND_QUEUE;
    }
    session_flush(queue->context->host->session);
    return CL_SUCCESS;
}

cl_int CL_API_CALL clFinish(cl_command_queue queue)
{
    struct session *session;
    uint64_t last;
    bool lost;

    opencl_lock();
    if (!object_is(queue, OBJECT_QUEUE)) {
        opencl_unlock();
        return CL_INVALID_COMMAND_QUEUE;
    }
    object_use(queue);
    session = queue->context->host->session;
    while (queue->held) {
        opencl_wait();
    }
    last = queue->last;
    opencl_unlock();
    if (last > 0) {
        session_wait(session, last);
    }
    lost = session_lost(session);
    opencl_lock();
    object_unuse(queue);
    opencl_unlock();
    return lost ? CL_DEVICE_NOT_AVAILABLE : CL_SUCCESS;
}
