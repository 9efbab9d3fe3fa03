/*
 * OpenCL in the guest: the device, and what is asked of the host once
 *
 * SPDX-License-Identifier: MIT
 */
#include "device.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct _cl_device_id opencl_device = {
    .object = {
        .dispatch = &opencl_dispatch, .kind = OBJECT_DEVICE, .refs = 1,
    },
};

/* Who looks for a device */
static pthread_mutex_t finding = PTHREAD_MUTEX_INITIALIZER;

bool device_find(void)
{
    bool found;

    pthread_mutex_lock(&finding);
    if (!opencl_device.host) {
        struct host *host = host_open();

        opencl_lock();
        opencl_device.host = host;
        opencl_unlock();
    }
    found = opencl_device.host != NULL;
    pthread_mutex_unlock(&finding);
    return found;
}

void device_forget(void)
{
    pthread_mutex_init(&finding, NULL);
    opencl_device.host = NULL;
}

static struct property *find_property(cl_device_info name)
{
    struct property *property;

    opencl_lock();
    property = opencl_device.properties;
    while (property && property->name != name) {
        property = property->next;
    }
    opencl_unlock();
    return property;
}

/* Two threads may ask at once; both answers stay. */
static struct property *ask_property(cl_device_info name)
{
    const struct vgpu_stub_cl_query query = { .param = name };
    struct property *property = calloc(1, sizeof(*property) +
                                       VGPU_STUB_CL_PAYLOAD_MAX);
    struct property *smaller;

    if (!property) {
        return NULL;
    }
    property->name = name;
    property->value = property + 1;
    property->status = host_call(opencl_device.host,
                                 HOST_COMMAND(DEVICE_INFO, &query),
                                 property->value, VGPU_STUB_CL_PAYLOAD_MAX,
                                 &property->size);
    smaller = realloc(property, sizeof(*property) + property->size);
    if (smaller) {
        property = smaller;
        property->value = property + 1;
    }
    if (property->status != CL_DEVICE_NOT_AVAILABLE &&
        property->status != CL_OUT_OF_HOST_MEMORY) {
        opencl_lock();
        property->next = opencl_device.properties;
        opencl_device.properties = property;
        opencl_unlock();
        return property;
    }
    free(property);
    return NULL;
}

const struct property *device_property(cl_device_info name)
{
    struct property *property = find_property(name);

    return property || !device_find() ? property : ask_property(name);
}

uint64_t device_number(cl_device_info name)
{
    uint64_t value = 0;
    const struct info info = { .size = sizeof(value), .value = &value };

    return device_info(name, &info) == CL_SUCCESS ? value : 0;
}

bool device_has_version(unsigned major, unsigned minor)
{
    char version[128] = "";
    /* With a NUL behind it, whatever the host says */
    const struct info info = {
        .size = sizeof(version) - 1, .value = version,
    };
    unsigned its_major = 1, its_minor = 0;

    device_info(CL_DEVICE_VERSION, &info);
    sscanf(version, "OpenCL %u.%u", &its_major, &its_minor);
    return its_major > major || (its_major == major && its_minor >= minor);
}

cl_int CL_API_CALL clGetDeviceIDs(cl_platform_id platform,
                                  cl_device_type type, cl_uint num_entries,
                                  cl_device_id *devices, cl_uint *num_devices)
{
    const cl_device_type known = CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_GPU |
        CL_DEVICE_TYPE_ACCELERATOR | CL_DEVICE_TYPE_CUSTOM |
        CL_DEVICE_TYPE_DEFAULT;

    if (platform && !object_is(platform, OBJECT_PLATFORM)) {
        return CL_INVALID_PLATFORM;
    }
    if (type != CL_DEVICE_TYPE_ALL && (!type || (type & ~known))) {
        return CL_INVALID_DEVICE_TYPE;
    }
    if ((num_entries == 0 && devices) || (!num_devices && !devices)) {
        return CL_INVALID_VALUE;
    }
    if (!device_find() || (type != CL_DEVICE_TYPE_ALL &&
        !(type & (device_number(CL_DEVICE_TYPE) | CL_DEVICE_TYPE_DEFAULT)))) {
        if (num_devices) {
            *num_devices = 0;
        }
        return CL_DEVICE_NOT_FOUND;
    }
    if (devices) {
        devices[0] = &opencl_device;
    }
    if (num_devices) {
        *num_devices = 1;
    }
    return CL_SUCCESS;
}

cl_int CL_API_CALL clGetDeviceInfo(cl_device_id device, cl_device_info name,
                                   size_t size, void *value, size_t *size_ret)
{
    const struct info info = { size, value, size_ret };

    if (!object_is(device, OBJECT_DEVICE)) {
        return CL_INVALID_DEVICE;
    }
    return device_info(name, &info);
}

/* A root device is not counted. */
cl_int CL_API_CALL clRetainDevice(cl_device_id device)
{
    return object_is(device, OBJECT_DEVICE) ? CL_SUCCESS : CL_INVALID_DEVICE;
}

cl_int CL_API_CALL clReleaseDevice(cl_device_id device)
{
    return object_is(device, OBJECT_DEVICE) ? CL_SUCCESS : CL_INVALID_DEVICE;
}

/* It cannot be divided: CL_DEVICE_PARTITION_PROPERTIES has none. */
cl_int CL_API_CALL clCreateSubDevices(cl_device_id device,
    const cl_device_partition_property *properties, cl_uint num_devices,
    cl_device_id *devices, cl_uint *num_devices_ret)
{
    (void)properties;
    (void)num_devices;
    (void)devices;
    (void)num_devices_ret;
    return object_is(device, OBJECT_DEVICE) ? CL_INVALID_VALUE
                                            : CL_INVALID_DEVICE;
}

/* There is no host timer: CL_PLATFORM_HOST_TIMER_RESOLUTION is 0. */
cl_int CL_API_CALL clGetDeviceAndHostTimer(cl_device_id device,
                                           cl_ulong *device_timestamp,
                                           cl_ulong *host_timestamp)
{
    (void)device_timestamp;
    (void)host_timestamp;
    return object_is(device, OBJECT_DEVICE) ? CL_INVALID_OPERATION
                                            : CL_INVALID_DEVICE;
}

cl_int CL_API_CALL clGetHostTimer(cl_device_id device, cl_ulong *timestamp)
{
    (void)timestamp;
    return object_is(device, OBJECT_DEVICE) ? CL_INVALID_OPERATION
                                            : CL_INVALID_DEVICE;
}
