/*
 * Launches of kernels, within the limits of kernel and device
 *
 * A driver that is asked for more may fail in any way; PoCL ends the process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "kernels.h"

/* OpenCL has three dimensions, and a device may have more. */
#define DIMENSIONS_MAX 16

/*
 * Are all objects that it was given still there? The driver may know them by
 * pointers, and OpenCL lets a program release what an argument names.
 */
static bool has_objects(const ClSession *session, const ClKernel *kernel)
{
    for (cl_uint i = 0; i < kernel->count; i++) {
        const ClArgument *argument = &kernel->arguments[i];
        const ClObject *object;

        if (argument->object == 0) {
            continue;
        }
        object = cl_objects_at(session->objects, argument->object);
        if (object == NULL || object->serial != argument->serial) {
            return false;
        }
    }
    return true;
}

/* The local memory of a group, unless that is more than the device has */
static cl_int check_local(const ClSession *session, const ClKernel *kernel)
{
    cl_ulong there = 0;
    uint64_t needed = kernel->local;
    const cl_int status = cl.clGetDeviceInfo(
        session->backend->device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(there),
        &there, NULL);

    if (status != CL_SUCCESS) {
        return status;
    }
    for (cl_uint i = 0; i < kernel->count; i++) {
        if (__builtin_add_overflow(needed, kernel->arguments[i].local,
                                   &needed)) {
            return CL_OUT_OF_RESOURCES;
        }
    }
    return needed <= there ? CL_SUCCESS : CL_OUT_OF_RESOURCES;
}

/* The group that the guest wishes, in @dimensions */
static cl_int check_group(const ClSession *session, const ClKernel *kernel,
                          const struct vgpu_stub_cl_kernel_launch *launch)
{
    size_t sizes[DIMENSIONS_MAX] = { 0 };
    uint64_t items = 1;
    const cl_int status = cl.clGetDeviceInfo(
        session->backend->device, CL_DEVICE_MAX_WORK_ITEM_SIZES,
        sizeof(sizes), sizes, NULL);

    if (status != CL_SUCCESS) {
        return status;
    }
    for (unsigned i = 0; i < launch->dimensions; i++) {
        const uint64_t local = launch->local[i];

        if (local > sizes[i]) {
            return CL_INVALID_WORK_ITEM_SIZE;
        }
        if (local == 0 ||
            (kernel->required[0] != 0 && local != kernel->required[i]) ||
            __builtin_mul_overflow(items, local, &items) ||
            items > kernel->group) {
            return CL_INVALID_WORK_GROUP_SIZE;
        }
    }
    return CL_SUCCESS;
}

/* Returns the number of work items, too. */
static cl_int check_sizes(const struct vgpu_stub_cl_kernel_launch *launch,
                          uint64_t *items)
{
    *items = 1;
    for (unsigned i = 0; i < launch->dimensions; i++) {
        uint64_t end;

        if (__builtin_add_overflow(launch->offset[i], launch->global[i],
                                   &end)) {
            return CL_INVALID_GLOBAL_OFFSET;
        }
        if (__builtin_mul_overflow(*items, launch->global[i], items)) {
            return CL_INVALID_GLOBAL_WORK_SIZE;
        }
    }
    return CL_SUCCESS;
}

static cl_int check(const ClSession *session, const ClKernel *kernel,
                    const struct vgpu_stub_cl_kernel_launch *launch,
                    bool chosen, uint64_t *items)
{
    cl_int status = check_sizes(launch, items);

    if (status == CL_SUCCESS && !has_objects(session, kernel)) {
        status = CL_INVALID_KERNEL_ARGS;
    }
    if (status == CL_SUCCESS && chosen) {
        status = check_group(session, kernel, launch);
    }
    return status == CL_SUCCESS ? check_local(session, kernel) : status;
}

cl_int run_KERNEL_LAUNCH(ClSession *session, const ClCommand *command)
{
    const struct vgpu_stub_cl_kernel_launch *launch =
        &command->body.kernel_launch;
    ClKernel *kernel = cl_kernel_find(session, launch->kernel);
    const bool chosen = launch->local[0] != 0 || launch->local[1] != 0 ||
                        launch->local[2] != 0;
    ClWork work = { .result = session->result };
    size_t offset[3], global[3], local[3];
    cl_event event;
    cl_int status;

    if (kernel == NULL) {
        return CL_INVALID_KERNEL;
    }
    status = check(session, kernel, launch, chosen, &work.units);
    if (status != CL_SUCCESS) {
        return status;
    }
    for (int i = 0; i < 3; i++) {
        offset[i] = launch->offset[i];
        global[i] = launch->global[i];
        local[i] = launch->local[i];
    }
    status = cl.clEnqueueNDRangeKernel(session->backend->queue,
                                       kernel->kernel, launch->dimensions,
                                       offset, global, chosen ? local : NULL,
                                       0, NULL, &event);
    if (status == CL_SUCCESS) {
        work.pace = &kernel->pace;
        work.owner = &kernel->base;
        cl_timeline_add(session->timeline, event, &work);
    }
    return status;
}
