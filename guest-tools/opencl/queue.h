/*
 * OpenCL in the guest: command queues
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_QUEUE_H
#define OPENCL_QUEUE_H

#include "context.h"

struct _cl_command_queue {
    struct object object;
    cl_context context;
    cl_device_id device;
    cl_command_queue_properties flags;
    cl_queue_properties *properties;    /* as they were given … */
    size_t properties_size;     /* … bytes, with the end; 0: none were */
    /* Commands that have not been handed to the host, the oldest first */
    cl_event held;
    cl_event *held_end;
    cl_event barrier;           /* that one of them all later ones wait for */
    uint64_t last;              /* number of the last command that was */
};

static inline bool queue_is_in_order(const struct _cl_command_queue *queue)
{
    return !(queue->flags & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
}

#endif /* OPENCL_QUEUE_H */
