/*
 * OpenCL in the guest: events, and what waits for what
 *
 * Each enqueued command is an event. The host executes what it is handed in
 * that order; a command is handed over as soon as all that it waits for has
 * been. So what is held here is only what waits for a user's event, or for such
 * a command.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_EVENT_H
#define OPENCL_EVENT_H

#include "queue.h"

/* What a command does when it is handed over; begins a larger structure */
struct work {
    /* Put its commands, with event_put(). */
    void (*issue)(cl_event event, struct work *work);
    /* Free what it has, but for itself; NULL: nothing. */
    void (*end)(struct work *work);
    void *used[2];              /* objects, or NULL */
};

/* An event that another one waits for */
struct dependent {
    cl_event event;             /* that waits */
    bool listed;                /* by its wait list: an error counts */
    struct dependent *next;
};

struct _cl_event {
    struct object object;
    cl_context context;
    cl_command_queue queue;     /* NULL: a user's */
    cl_command_type type;
    cl_int status;              /* CL_QUEUED … CL_COMPLETE, or an error */
    bool issued;                /* nobody has to be held because of it */

    struct dependent *dependents;
    unsigned waits;             /* events that have not been issued yet */
    bool refused;               /* one of its wait list ended with an error */
    cl_event next_held;         /* in its queue */

    struct work *work;          /* NULL: a user's, or it has ended */
    unsigned pending;           /* commands on their way */
    uint64_t last;              /* number of the last one of them */
    cl_int failure;             /* of one of them, or CL_SUCCESS */
    bool timed;                 /* has times */
    struct vgpu_stub_cl_times times;

    struct callback *callbacks;
};

/* A part of a command that is under way; may begin a larger structure */
struct piece {
    cl_event event;
    /* Without the lock, where the result comes with success; may be NULL. */
    void (*arrived)(struct piece *piece, const void *bytes, size_t length);
};

/* With the lock, all of them */

/* A command of the context's or, with a queue, of that; NULL: no memory. */
cl_event event_new(cl_context context, cl_command_queue queue,
                   cl_command_type type);

/*
 * It waits for that one; @listed: in its wait list. False: no memory. What has
 * ended or been issued is no reason to wait.
 */
bool event_depend(cl_event event, cl_event other, bool listed);

/* All that it waits for is said; does @work, which is its own now. */
void event_begin(cl_event event, struct work *work);

/*
 * Of issue(): hand a command over. @piece is freed at its end, and may be NULL,
 * as may be @command: no memory. @timed: its times are the event's.
 */
void event_put(cl_event event, struct remote_command *command,
               struct piece *piece, bool timed);

/* Of issue(): the command fails. */
void event_fail(cl_event event, cl_int status);

/* Free it, and what it has. */
void work_end(struct work *work);

/* Wait for its end; the lock is not held meanwhile. Returns its status. */
cl_int event_wait(cl_event event);

#endif /* OPENCL_EVENT_H */
