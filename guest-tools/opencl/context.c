/*
 * OpenCL in the guest: contexts
 *
 * SPDX-License-Identifier: MIT
 */
#include "context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

static void context_end(void *object)
{
    struct _cl_context *context = object;

    callback_put_all(&context->destructors, context);
    free(context->properties);
}

bool context_has_device(cl_context context, cl_device_id device)
{
    return context->device == device;
}

static void call_notify(struct callback *callback)
{
    void (CL_CALLBACK *notify)(const char *, const void *, size_t, void *) =
        callback->function;

    notify(callback->text, NULL, 0, callback->user_data);
}

void context_notify(cl_context context, const char *what, cl_int status)
{
    const char *lost = session_lost(context->host->session);
    struct callback *callback;

    if (!context->notify) {
        return;
    }
    callback = callback_new(call_notify, context->notify, context->user_data);
    if (callback) {
        snprintf(callback->text, sizeof(callback->text),
                 lost ? "vgpu-stub: %s: error %d: %s"
                      : "vgpu-stub: %s: error %d", what, status, lost);
        callback_put(callback);
    }
}

/*
 * Bytes of the properties, with their end. Returns CL_SUCCESS, or the error of
 * what is wrong with them.
 */
static cl_int check_properties(const cl_context_properties *properties,
                               size_t *size)
{
    size_t count = 0;
    bool seen[2] = { false, false };

    *size = 0;
    if (!properties) {
        return CL_SUCCESS;
    }
    for (; properties[count]; count += 2) {
        const cl_context_properties value = properties[count + 1];
        unsigned which;

        if (properties[count] == CL_CONTEXT_PLATFORM) {
            which = 0;
            if (!object_is((void *)value, OBJECT_PLATFORM)) {
                return CL_INVALID_PLATFORM;
            }
        } else if (properties[count] == CL_CONTEXT_INTEROP_USER_SYNC) {
            which = 1;
            if (value != CL_FALSE && value != CL_TRUE) {
                return CL_INVALID_PROPERTY;
            }
        } else {
            return CL_INVALID_PROPERTY;
        }
        if (seen[which]) {
            return CL_INVALID_PROPERTY;
        }
        seen[which] = true;
    }
    *size = (count + 1) * sizeof(*properties);
    return CL_SUCCESS;
}

/* The same device may be named more than once. */
static cl_int check_devices(cl_uint num_devices, const cl_device_id *devices)
{
    if (num_devices == 0 || !devices) {
        return CL_INVALID_VALUE;
    }
    for (cl_uint i = 0; i < num_devices; i++) {
        if (!object_is(devices[i], OBJECT_DEVICE)) {
            return CL_INVALID_DEVICE;
        }
    }
    return device_find() ? CL_SUCCESS : CL_DEVICE_NOT_AVAILABLE;
}

static cl_context context_new(const cl_context_properties *properties,
                              size_t size, cl_int *status)
{
    struct _cl_context *context = object_new(OBJECT_CONTEXT, sizeof(*context),
                                             context_end);

    *status = CL_OUT_OF_HOST_MEMORY;
    if (!context) {
        return NULL;
    }
    if (size > 0) {
        context->properties = malloc(size);
        if (!context->properties) {
            free(context);
            return NULL;
        }
        memcpy(context->properties, properties, size);
    }
    context->properties_size = size;
    context->num_devices = 1;
    context->device = &opencl_device;
    context->host = opencl_device.host;
    *status = CL_SUCCESS;
    return context;
}

cl_context CL_API_CALL clCreateContext(
    const cl_context_properties *properties, cl_uint num_devices,
    const cl_device_id *devices,
    void (CL_CALLBACK *notify)(const char *, const void *, size_t, void *),
    void *user_data, cl_int *errcode_ret)
{
    cl_context context = NULL;
    cl_int status;
    size_t size;

    status = check_properties(properties, &size);
    if (status == CL_SUCCESS) {
        status = check_devices(num_devices, devices);
    }
    if (status == CL_SUCCESS && !notify && user_data) {
        status = CL_INVALID_VALUE;
    }
    if (status == CL_SUCCESS && session_lost(opencl_device.host->session)) {
        status = CL_DEVICE_NOT_AVAILABLE;
    }
    if (status == CL_SUCCESS) {
        context = context_new(properties, size, &status);
    }
    if (context) {
        context->notify = notify;
        context->user_data = user_data;
    }
    if (errcode_ret) {
        *errcode_ret = status;
    }
    return context;
}

cl_context CL_API_CALL clCreateContextFromType(
    const cl_context_properties *properties, cl_device_type type,
    void (CL_CALLBACK *notify)(const char *, const void *, size_t, void *),
    void *user_data, cl_int *errcode_ret)
{
    cl_device_id device;
    size_t size;
    cl_int status = check_properties(properties, &size);

    if (status == CL_SUCCESS) {
        status = clGetDeviceIDs(NULL, type, 1, &device, NULL);
    }
    if (status != CL_SUCCESS) {
        if (errcode_ret) {
            *errcode_ret = status;
        }
        return NULL;
    }
    return clCreateContext(properties, 1, &device, notify, user_data,
                           errcode_ret);
}

cl_int CL_API_CALL clRetainContext(cl_context context)
{
    return object_retain(context, OBJECT_CONTEXT, CL_INVALID_CONTEXT);
}

cl_int CL_API_CALL clReleaseContext(cl_context context)
{
    return object_release(context, OBJECT_CONTEXT, CL_INVALID_CONTEXT);
}

cl_int CL_API_CALL clGetContextInfo(cl_context context, cl_context_info name,
                                    size_t size, void *value, size_t *size_ret)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_CONTEXT_REFERENCE_COUNT, struct _cl_context,
                   object.refs),
        INFO_FIELD(CL_CONTEXT_NUM_DEVICES, struct _cl_context, num_devices),
        INFO_FIELD(CL_CONTEXT_DEVICES, struct _cl_context, device),
    };
    const struct info info = { size, value, size_ret };
    cl_int status = CL_INVALID_CONTEXT;

    opencl_lock();
    if (object_is(context, OBJECT_CONTEXT)) {
        status = name == CL_CONTEXT_PROPERTIES
                 ? info_bytes(&info, context->properties,
                              context->properties_size)
                 : INFO_FIELDS(&info, context, fields, name);
    }
    opencl_unlock();
    return status;
}

static void call_destructor(struct callback *callback)
{
    void (CL_CALLBACK *function)(cl_context, void *) = callback->function;

    function(callback->object, callback->user_data);
}

cl_int CL_API_CALL clSetContextDestructorCallback(
    cl_context context, void (CL_CALLBACK *function)(cl_context, void *),
    void *user_data)
{
    if (!object_is(context, OBJECT_CONTEXT)) {
        return CL_INVALID_CONTEXT;
    }
    return callback_push(&context->destructors, call_destructor,
                         (void *)function, user_data);
}
