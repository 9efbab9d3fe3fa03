/*
 * OpenCL in the guest: contexts
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_CONTEXT_H
#define OPENCL_CONTEXT_H

#include "callback.h"
#include "host.h"

struct _cl_context {
    struct object object;
    struct host *host;
    cl_uint num_devices;
    cl_device_id device;        /* there is one */
    cl_context_properties *properties;
    size_t properties_size;     /* bytes, with the end; 0: none were given */
    void (CL_CALLBACK *notify)(const char *text, const void *bytes,
                               size_t size, void *user_data);
    void *user_data;
    struct callback *destructors;
};

/* With the lock: tell the program of an error that no function returns. */
void context_notify(cl_context context, const char *what, cl_int status);

/* With the lock: the device that this is, of the context, or NULL */
bool context_has_device(cl_context context, cl_device_id device);

#endif /* OPENCL_CONTEXT_H */
