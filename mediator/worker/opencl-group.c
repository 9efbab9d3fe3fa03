/*
 * Work groups of an OpenCL kernel, within the limits of kernel and device
 *
 * A driver that is asked for more may fail in any way; PoCL ends the process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "opencl-driver.h"

/*
 * Work items of a group that the backend chooses, at most: PoCL has what is
 * private to all of a group on one stack.
 */
#define GROUP 256

typedef struct Limits {
    size_t items;               /* of a group of this kernel */
    size_t required[3];         /* all 0: any */
    size_t sizes[3];            /* of a group in each dimension */
    cl_ulong local, device_local;       /* bytes: the kernel's, the device's */
} Limits;

static bool kernel_info(const Backend *backend, cl_kernel kernel,
                        cl_kernel_work_group_info what, void *value,
                        size_t size, GError **error)
{
    return opencl_check(cl.clGetKernelWorkGroupInfo(kernel, backend->device,
                                                    what, size, value, NULL),
                        "clGetKernelWorkGroupInfo", error);
}

static bool device_info(const Backend *backend, cl_device_info what,
                        void *value, size_t size, GError **error)
{
    return opencl_check(cl.clGetDeviceInfo(backend->device, what, size, value,
                                           NULL),
                        "clGetDeviceInfo", error);
}

static bool get_limits(const Backend *backend, cl_kernel kernel,
                       Limits *limits, GError **error)
{
    /* OpenCL has three dimensions, and a device may have more. */
    size_t sizes[16] = { 0 };

    if (!kernel_info(backend, kernel, CL_KERNEL_WORK_GROUP_SIZE,
                     &limits->items, sizeof(limits->items), error) ||
        !kernel_info(backend, kernel, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
                     limits->required, sizeof(limits->required), error) ||
        !kernel_info(backend, kernel, CL_KERNEL_LOCAL_MEM_SIZE,
                     &limits->local, sizeof(limits->local), error) ||
        !device_info(backend, CL_DEVICE_LOCAL_MEM_SIZE, &limits->device_local,
                     sizeof(limits->device_local), error) ||
        !device_info(backend, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizes,
                     sizeof(sizes), error)) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        limits->sizes[i] = sizes[i];
    }
    return true;
}

/* The largest divisor of @size that is at most @limit, which is at least 1 */
static size_t divisor(size_t size, size_t limit)
{
    size_t found = MIN(size, limit);

    while (size % found != 0) {
        found--;
    }
    return found;
}

/* @required, if @range can be made of such groups and names no other */
static bool take_required(const NdRange *range, const size_t required[3],
                          size_t group[3], GError **error)
{
    for (int i = 0; i < 3; i++) {
        group[i] = required[i];
        if (range->global[i] % required[i] != 0 ||
            (range->local[0] != 0 && range->local[i] != required[i])) {
            return backend_refuse(error, "work-group size: the kernel "
                                  "requires %zu x %zu x %zu, which has to "
                                  "divide the global size", required[0],
                                  required[1], required[2]);
        }
    }
    return true;
}

static bool check_group(const Limits *limits, const size_t group[3],
                        GError **error)
{
    const size_t items = group[0] * group[1] * group[2];

    for (int i = 0; i < 3; i++) {
        if (group[i] > limits->sizes[i]) {
            return backend_refuse(error, "work-group size: %zu in %c, the "
                                  "device takes %zu at most", group[i],
                                  'x' + i, limits->sizes[i]);
        }
    }
    return items <= limits->items ||
           backend_refuse(error, "work-group size: %zu work items, the kernel "
                          "takes %zu at most", items, limits->items);
}

bool opencl_choose_group(Backend *backend, cl_kernel kernel,
                         const NdRange *range, size_t group[3],
                         GError **error)
{
    Limits limits = { 0 };
    size_t left;

    if (!get_limits(backend, kernel, &limits, error)) {
        return false;
    }
    if (limits.local > limits.device_local) {
        return backend_refuse(error, "local memory: the kernel needs %"
                              G_GUINT64_FORMAT " bytes, the device has %"
                              G_GUINT64_FORMAT, (guint64)limits.local,
                              (guint64)limits.device_local);
    }
    if (limits.required[0] != 0) {
        return take_required(range, limits.required, group, error) &&
               check_group(&limits, group, error);
    }
    left = CLAMP(limits.items, 1, GROUP);
    for (int i = 0; i < 3; i++) {
        group[i] = range->local[0] != 0 ? range->local[i]
                 : divisor(range->global[i],
                           MAX(MIN(left, limits.sizes[i]), 1));
        left = MAX(left / group[i], 1);
    }
    return check_group(&limits, group, error);
}
