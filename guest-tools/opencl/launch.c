/*
 * OpenCL in the guest: launching kernels
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "enqueue.h"
#include "kernel.h"
#include "marker.h"

/* With the arguments as they are when it is enqueued, which it uses */
struct launch {
    struct work work;
    cl_kernel kernel;
    struct vgpu_stub_cl_kernel_launch launch;
    uint32_t argument_count;
    struct argument *arguments[];
};

static void issue_launch(cl_event event, struct work *work)
{
    struct launch *launch = (struct launch *)work;
    cl_kernel kernel = launch->kernel;

    for (uint32_t i = 0; i < launch->argument_count; i++) {
        struct argument *argument = launch->arguments[i];

        if (kernel->sent[i] != argument) {
            event_put(event, argument_command(kernel, i, argument), NULL,
                      false);
            argument_replace(&kernel->sent[i], argument);
        }
    }
    event_put(event, HOST_COMMAND(KERNEL_LAUNCH, &launch->launch), NULL, true);
}

static void launch_end(struct work *work)
{
    struct launch *launch = (struct launch *)work;

    for (uint32_t i = 0; i < launch->argument_count; i++) {
        if (launch->arguments[i]->object) {
            object_unuse(launch->arguments[i]->object);
        }
        argument_unuse(launch->arguments[i]);
    }
}

/* With the lock; NULL: no memory */
static struct launch *launch_new(cl_kernel kernel, bool empty)
{
    const uint32_t count = kernel->description->arguments;
    struct launch *launch = work_new(sizeof(*launch) +
                                     count * sizeof(launch->arguments[0]),
                                     empty ? marker_issue : issue_launch);

    if (!launch) {
        return NULL;
    }
    launch->work.end = launch_end;
    launch->kernel = kernel;
    launch->argument_count = count;
    for (uint32_t i = 0; i < count; i++) {
        launch->arguments[i] = kernel->set[i];
        argument_use(launch->arguments[i]);
        if (launch->arguments[i]->object) {
            object_use(launch->arguments[i]->object);
        }
    }
    work_use(launch, kernel);
    return launch;
}

/* --- What is given --- */

struct range {
    cl_uint dimensions;
    const size_t *offset;       /* NULL: zeros */
    const size_t *global;       /* NULL: nothing is executed */
    const size_t *local;        /* NULL: the device chooses */
};

/* What the device says of work-groups */
struct group_limits {
    bool empty_allowed;
    bool rest_allowed;          /* groups at the end may be smaller */
    uint64_t size;
    size_t sizes[3];
};

static struct group_limits limits;

static void ask_limits(void)
{
    const struct info info = {
        .size = sizeof(limits.sizes), .value = limits.sizes,
    };

    limits.empty_allowed = device_has_version(2, 1);
    limits.rest_allowed =
        device_number(CL_DEVICE_NON_UNIFORM_WORK_GROUP_SUPPORT);
    limits.size = device_number(CL_DEVICE_MAX_WORK_GROUP_SIZE);
    device_info(CL_DEVICE_MAX_WORK_ITEM_SIZES, &info);
}

static bool is_empty(const struct range *range)
{
    for (cl_uint i = 0; range->global && i < range->dimensions; i++) {
        if (range->global[i] == 0) {
            return true;
        }
    }
    return !range->global;
}

static cl_int check_global(const struct range *range)
{
    for (cl_uint i = 0; i < range->dimensions; i++) {
        const size_t offset = range->offset ? range->offset[i] : 0;

        if (offset + range->global[i] < offset) {
            return CL_INVALID_GLOBAL_OFFSET;
        }
    }
    return CL_SUCCESS;
}

static cl_int check_local(const struct range *range,
                          const struct kernel_limits *kernel)
{
    const size_t *required = kernel->compile_work_group_size;
    size_t items = 1;

    for (cl_uint i = 0; i < range->dimensions; i++) {
        const size_t local = range->local ? range->local[i] : 0;

        if (required[0] && local != required[i] &&
            (range->local || range->global[i] % required[i])) {
            return CL_INVALID_WORK_GROUP_SIZE;
        }
        if (!range->local) {
            continue;
        }
        if (local == 0) {
            return CL_INVALID_WORK_GROUP_SIZE;
        }
        if (local > limits.sizes[i]) {
            return CL_INVALID_WORK_ITEM_SIZE;
        }
        if (range->global[i] % local && !limits.rest_allowed) {
            return CL_INVALID_WORK_GROUP_SIZE;
        }
        items *= local;
        if (items > limits.size ||
            (kernel->work_group_size && items > kernel->work_group_size)) {
            return CL_INVALID_WORK_GROUP_SIZE;
        }
    }
    return CL_SUCCESS;
}

static cl_int check_arguments(const struct _cl_kernel *kernel)
{
    for (uint32_t i = 0; i < kernel->description->arguments; i++) {
        const struct argument *argument = kernel->set[i];

        if (!argument || (argument->object && argument->object->gone)) {
            return CL_INVALID_KERNEL_ARGS;
        }
    }
    return CL_SUCCESS;
}

static cl_int check_range(const struct range *range,
                          const struct _cl_kernel *kernel)
{
    cl_int status;

    if (range->dimensions < 1 || range->dimensions > 3) {
        return CL_INVALID_WORK_DIMENSION;
    }
    if (is_empty(range)) {
        return limits.empty_allowed ? CL_SUCCESS
                                     : CL_INVALID_GLOBAL_WORK_SIZE;
    }
    status = check_global(range);
    return status == CL_SUCCESS ? check_local(range, &kernel->limits)
                                : status;
}

static void set_range(struct launch *launch, const struct range *range)
{
    struct vgpu_stub_cl_kernel_launch *wire = &launch->launch;

    wire->kernel = launch->kernel->id;
    wire->dimensions = range->dimensions;
    for (cl_uint i = 0; range->global && i < range->dimensions; i++) {
        wire->offset[i] = range->offset ? range->offset[i] : 0;
        wire->global[i] = range->global[i];
        wire->local[i] = range->local ? range->local[i] : 0;
    }
}

static cl_int enqueue_launch(struct enqueue *call, cl_kernel kernel,
                             const struct range *range)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct launch *launch = NULL;
    cl_int status;

    pthread_once(&once, ask_limits);
    status = enqueue_begin(call);

    if (status == CL_SUCCESS && !object_is(kernel, OBJECT_KERNEL)) {
        status = CL_INVALID_KERNEL;
    }
    if (status == CL_SUCCESS && kernel->context != call->queue->context) {
        status = CL_INVALID_CONTEXT;
    }
    if (status == CL_SUCCESS) {
        status = check_arguments(kernel);
    }
    if (status == CL_SUCCESS) {
        status = check_range(range, kernel);
    }
    if (status == CL_SUCCESS) {
        launch = launch_new(kernel, is_empty(range));
    }
    if (launch) {
        set_range(launch, range);
    }
    return enqueue_end(call, status, launch);
}

cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue,
                                          cl_kernel kernel, cl_uint dimensions,
                                          const size_t *offset,
                                          const size_t *global,
                                          const size_t *local, cl_uint count,
                                          const cl_event *list,
                                          cl_event *event)
{
    struct enqueue call = { queue, CL_COMMAND_NDRANGE_KERNEL, false, count,
                            list, event, false, false };
    const struct range range = { dimensions, offset, global, local };

    return enqueue_launch(&call, kernel, &range);
}

cl_int CL_API_CALL clEnqueueTask(cl_command_queue queue, cl_kernel kernel,
                                 cl_uint count, const cl_event *list,
                                 cl_event *event)
{
    const size_t one = 1;
    struct enqueue call = { queue, CL_COMMAND_TASK, false, count, list, event,
                            false, false };
    const struct range range = { 1, NULL, &one, &one };

    return enqueue_launch(&call, kernel, &range);
}
