/*
 * OpenCL in the guest: what all functions that enqueue a command do
 *
 * Each of them calls enqueue_begin(), looks at what it was given, makes its
 * work, and hands all to enqueue_end():
 *
 *     struct enqueue call = { queue, type, blocking, count, list, event };
 *     cl_int status = enqueue_begin(&call);
 *
 *     if (status == CL_SUCCESS) {
 *         status = …;
 *     }
 *     if (status == CL_SUCCESS) {
 *         work = work_new(…);
 *     }
 *     return enqueue_end(&call, status, work);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_ENQUEUE_H
#define OPENCL_ENQUEUE_H

#include "event.h"
#include "memory.h"

struct enqueue {
    cl_command_queue queue;
    cl_command_type type;
    bool blocking;
    cl_uint count;
    const cl_event *list;
    cl_event *event;            /* NULL: none is wanted */
    bool barrier;               /* all that comes later waits for it … */
    bool after_all;             /* … and it for all that comes before it */
};

/* Take the lock, and look at the queue and the wait list. */
cl_int enqueue_begin(struct enqueue *call);

/* Is that a memory object, a buffer, or an image that the queue may use? */
cl_int enqueue_check_mem(const struct enqueue *call, cl_mem mem);
cl_int enqueue_check_buffer(const struct enqueue *call, cl_mem mem);
cl_int enqueue_check_image(const struct enqueue *call, cl_mem mem);

/*
 * Enqueue @work, when @status is CL_SUCCESS; NULL means that there was no
 * memory. Gives the lock up, and waits if the call does. Returns what the
 * function is to return.
 */
cl_int enqueue_end(struct enqueue *call, cl_int status, void *work);

/* Work of @size bytes, zeroed; NULL: no memory. */
void *work_new(size_t size, void (*issue)(cl_event, struct work *));

/* With the lock: it uses that object, until its end; at most two. */
void work_use(void *work, void *object);

#endif /* OPENCL_ENQUEUE_H */
