/*
 * What the device has been given and is not known to be done with
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "timeline.h"

/* A batch ends when it has computed for that long, docs/opencl.md */
#define BATCH_NS (5 * 1000 * 1000)

/* For each byte that is moved, on a device of the slower kind */
#define BYTE_NS 1.0

typedef struct Entry {
    cl_event event;
    ClWork work;
} Entry;

struct ClTimeline {
    Backend *backend;
    gint64 began;               /* monotonic, µs: the batch */
    double predicted;           /* ns, of what is under way */
    bool unknown;
    uint64_t executed;          /* ns of the batch */
    unsigned count;
    Entry entries[VGPU_STUB_CL_BATCH_MAX];
};

ClTimeline *cl_timeline_new(Backend *backend)
{
    ClTimeline *timeline = g_new0(ClTimeline, 1);

    timeline->backend = backend;
    return timeline;
}

void cl_timeline_free(ClTimeline *timeline)
{
    g_assert(timeline->count == 0);
    g_free(timeline);
}

void cl_timeline_begin(ClTimeline *timeline)
{
    timeline->began = g_get_monotonic_time();
    timeline->executed = 0;
}

void cl_timeline_add(ClTimeline *timeline, cl_event event,
                     const ClWork *work)
{
    const double pace = work->pace == NULL ? BYTE_NS : work->pace->ns;

    /* A batch has no more commands, and none has two events. */
    g_assert(timeline->count < G_N_ELEMENTS(timeline->entries));
    timeline->entries[timeline->count++] = (Entry) { event, *work };
    timeline->predicted += pace * work->units;
    timeline->unknown |= pace == 0;
    if (work->owner != NULL) {
        cl_object_ref(work->owner);
    }
}

bool cl_timeline_is_empty(const ClTimeline *timeline)
{
    return timeline->count == 0;
}

bool cl_timeline_is_unknown(const ClTimeline *timeline)
{
    return timeline->unknown;
}

bool cl_timeline_is_full(const ClTimeline *timeline)
{
    const gint64 passed = g_get_monotonic_time() - timeline->began;

    return passed * 1000 + timeline->predicted >= BATCH_NS;
}

static uint64_t profile(cl_event event, cl_profiling_info what)
{
    cl_ulong time = 0;

    cl.clGetEventProfilingInfo(event, what, sizeof(time), &time, NULL);
    return time;
}

/* The device is done with it. Returns how that went. */
static cl_int collect(ClTimeline *timeline, const Entry *entry)
{
    const struct vgpu_stub_cl_times times = {
        .queued = profile(entry->event, CL_PROFILING_COMMAND_QUEUED),
        .submit = profile(entry->event, CL_PROFILING_COMMAND_SUBMIT),
        .start = profile(entry->event, CL_PROFILING_COMMAND_START),
        .end = profile(entry->event, CL_PROFILING_COMMAND_END),
    };
    const uint64_t took = times.end > times.start ? times.end - times.start
                                                  : 0;
    const ClWork *work = &entry->work;
    cl_int status = CL_COMPLETE;

    cl.clGetEventInfo(entry->event, CL_EVENT_COMMAND_EXECUTION_STATUS,
                      sizeof(status), &status, NULL);
    timeline->executed += took;
    if (work->pace != NULL && work->units > 0) {
        /* A clock may be too coarse for it. */
        work->pace->ns = MAX(took, 1) / (double)work->units;
    }
    if (status < 0) {
        work->result->status = status;
        work->result->length = 0;
    } else if (work->result->times != NULL) {
        *work->result->times = times;
    }
    return MIN(status, CL_SUCCESS);
}

static void forget(Entry *entry)
{
    cl.clReleaseEvent(entry->event);
    if (entry->work.owner != NULL) {
        cl_object_unref(entry->work.owner);
    }
}

bool cl_timeline_finish(ClTimeline *timeline, GError **error)
{
    const char *what = "clFinish";
    cl_int failure;

    if (timeline->count == 0) {
        return true;
    }
    failure = cl.clFinish(timeline->backend->queue);
    for (unsigned i = 0; i < timeline->count; i++) {
        Entry *entry = &timeline->entries[i];
        const cl_int status = collect(timeline, entry);

        if (status != CL_SUCCESS && failure == CL_SUCCESS &&
            entry->work.vital) {
            what = "zeroing memory";
            failure = status;
        }
        forget(entry);
    }
    timeline->count = 0;
    timeline->predicted = 0;
    timeline->unknown = false;
    return opencl_check(failure, what, error);
}

gint64 cl_timeline_exec_us(const ClTimeline *timeline)
{
    return timeline->executed / 1000;
}
