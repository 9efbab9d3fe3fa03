/*
 * What the device has been given and is not known to be done with
 *
 * All goes through one queue that executes in order. Nothing waits for the
 * device until somebody has to: the guest's turn lasts for as long as it is at
 * work, so what is given to it at once is bounded by how long that will
 * probably take.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_TIMELINE_H
#define WORKER_OPENCL_TIMELINE_H

#include "answer.h"
#include "objects.h"
#include "worker/opencl-driver.h"

typedef struct ClTimeline ClTimeline;

/* How long a unit of work takes, as it was the last time */
typedef struct ClPace {
    double ns;                  /* 0: not known yet */
} ClPace;

typedef struct ClWork {
    ClResult *result;           /* gets the times, and the status of a failure */
    uint64_t units;             /* bytes, or work items */
    ClPace *pace;               /* NULL: that of bytes */
    ClObject *owner;            /* of the pace, kept alive; or NULL */
    bool vital;                 /* without it the session cannot go on */
} ClWork;

ClTimeline *cl_timeline_new(Backend *backend);

/* Nothing is under way. */
void cl_timeline_free(ClTimeline *timeline);

/* A batch begins. */
void cl_timeline_begin(ClTimeline *timeline);

/* Takes over @event, that of @work, which has been given to the device. */
void cl_timeline_add(ClTimeline *timeline, cl_event event,
                     const ClWork *work);

/* Is the device done with all? */
bool cl_timeline_is_empty(const ClTimeline *timeline);

/* Nobody knows how long it will take: what is under way is to be waited for. */
bool cl_timeline_is_unknown(const ClTimeline *timeline);

/* With what is under way, the batch will probably have had its time. */
bool cl_timeline_is_full(const ClTimeline *timeline);

/*
 * Wait until the device is done with everything. An error, of BACKEND_ERROR,
 * means that it will not do anything more.
 */
bool cl_timeline_finish(ClTimeline *timeline, GError **error);

/* How long the device has been at work on the batch, in µs */
gint64 cl_timeline_exec_us(const ClTimeline *timeline);

#endif /* WORKER_OPENCL_TIMELINE_H */
