/*
 * OpenCL in the guest: the platform and its device
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_DEVICE_H
#define OPENCL_DEVICE_H

#include "host.h"
#include "info.h"

struct property {
    cl_device_info name;
    cl_int status;
    size_t size;                /* bytes */
    void *value;
    struct property *next;
};

/* There is one of each, as long as the process lives. */
struct _cl_platform_id {
    struct object object;
};

struct _cl_device_id {
    struct object object;
    struct host *host;          /* NULL: none has been found */
    struct property *properties;        /* that were asked so far */
};

extern struct _cl_platform_id opencl_platform;
extern struct _cl_device_id opencl_device;

/*
 * Is there a device? It is looked for until there is one. Waits, without the
 * lock.
 */
bool device_find(void);

/* The child of a fork has none. */
void device_forget(void);

/* What the host says, asked once; NULL: it cannot be asked. Waits. */
const struct property *device_property(cl_device_info name);

/* What it says of itself, as far as it works here; waits, without the lock. */
cl_int device_info(cl_device_info name, const struct info *info);

/* A number of it; 0 when it has none. */
uint64_t device_number(cl_device_info name);

/* Is that its version, or a later one? */
bool device_has_version(unsigned major, unsigned minor);

#endif /* OPENCL_DEVICE_H */
