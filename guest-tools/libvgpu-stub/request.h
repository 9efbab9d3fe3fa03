/*
 * libvgpu-stub: a request, from whoever brings it to its end
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_REQUEST_H
#define VGPU_STUB_REQUEST_H

#include <pthread.h>
#include <sys/queue.h>

#include "limit.h"
#include "vgpu-stub.h"

struct flight;

enum request_state {
    REQUEST_QUEUED,             /* nobody executes it yet */
    REQUEST_RUNNING,
    REQUEST_ENDED,
};

struct request {
    /* What is wanted; all of it stays until the request has ended. */
    const void *bytes;          /* NULL: the register map, to @map */
    size_t length;
    void *map;
    unsigned flags;             /* VGPU_STUB_IDEMPOTENT, … */
    bool async;                 /* a job: nobody may be waiting for it */
    void *bulk;                 /* memory that is moved beside it ... */
    uint32_t bulk_length;       /* ... bytes of it, 0: none ... */
    bool bulk_to_device;        /* ... and which way */
    struct limit limit;
    struct vgpu_stub_outcome *outcome;
    uint8_t *large;             /* the response, if it is longer than an
                                   outcome has; freed by request_destroy() */

    /* The transport's, under its lock */
    enum request_state state;
    int result;                 /* as vgpu_stub_call() returns it */
    bool unseen;                /* it has ended, which nobody has seen yet */
    int64_t begin_us;           /* when it was brought */
    int64_t rest_us;            /* not to be tried (again) until then */
    int64_t pause_us;           /* what it rests next time */
    int unwanted;               /* it is to end as this, as soon as it can */
    bool own;                   /* the library's, which frees it at its end */
    unsigned waiters;           /* threads that wait while another pumps */
    struct flight *flight;      /* while it runs by the driver */
    TAILQ_ENTRY(request) entry; /* among those that are queued */
    TAILQ_ENTRY(request) live;  /* among those that have not ended */
    TAILQ_ENTRY(request) wait;  /* among those that have waiters */
    pthread_cond_t changed;     /* it has ended, or its turn has come */
};

TAILQ_HEAD(requests, request);

/*
 * The request of @length bytes, to be ended with request_destroy(). What is not
 * an argument is 0.
 */
void request_init(struct request *request, const void *bytes, size_t length,
                  int64_t deadline_us, unsigned flags,
                  struct vgpu_stub_outcome *outcome);

/* After its end. */
void request_destroy(struct request *request);

/* The errors of a request of that @length and with those @flags, or 0 */
int request_check(size_t length, unsigned flags);

/* Which of the requests that are ordered it belongs to */
static inline uint32_t request_order(const struct request *request)
{
    return request->flags / VGPU_STUB_ORDER(1);
}

/*
 * Whether it may be sent again: it does no harm twice, it ended with @rc
 * because of what happened around it, and there is time. @timeout_ms is the
 * device's own limit, 0 is none. If so, it has a time to rest.
 */
bool request_rests(struct request *request, int rc, uint32_t timeout_ms);

#endif /* VGPU_STUB_REQUEST_H */
