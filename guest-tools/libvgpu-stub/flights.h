/*
 * libvgpu-stub: transport by the kernel's driver
 *
 *   flights.c       requests, from their begin to their end
 *   flights-file.c  the driver's file: what is sent by it, what comes back
 *   flights-pump.c  who takes what has ended, and waits for it
 *
 * A flight is a request under way in the driver. Requests that nobody has sent
 * yet are queued here. One thread at a time, the pump, takes what has ended,
 * for all: one that waits for its own request, or if jobs are left to
 * themselves, the thread that is there for them. What takes long is waited for
 * in poll(), so that another thread can wake the pump.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_FLIGHTS_H
#define VGPU_STUB_FLIGHTS_H

#include <pthread.h>

#include "devfile.h"
#include "notice.h"
#include "transport.h"

/* The most that a file has under way, and so that one call submits */
#define FLIGHTS_BATCH 64

struct flight {
    struct request *request;    /* NULL: nobody wants to know its end */
    bool allocates;             /* memory, which must not be lost */
    uint32_t order;
    TAILQ_ENTRY(flight) entry;
    uint8_t bytes[VGPU_STUB_BUF_SIZE];      /* of the request, which may end
                                               while the driver reads them */
    uint8_t response[VGPU_STUB_BUF_SIZE];
    uint8_t *large;             /* instead, or NULL */
};

TAILQ_HEAD(flight_list, flight);

struct flights {
    struct transport transport; /* first: the one is cast to the other */
    char bdf[VGPU_STUB_BDF_SIZE];
    uint32_t timeout_ms;        /* the device's own; 0: none */
    uint32_t response_max;      /* bytes of a response */
    int kick;                   /* an eventfd: the pump is to look around */

    pthread_mutex_t lock;       /* of the rest; of requests, too */
    pthread_cond_t changed;     /* for the thread, and who waits for calls */
    struct requests queued;
    struct requests live;       /* those that have not ended */
    struct flight_list flying;  /* in the order of their submission */
    struct flight_list idle;    /* to be used again */
    unsigned flying_count;
    struct notice notice;
    struct requests waiting;    /* whose threads wait while another pumps */
    unsigned jobs;              /* of those that are live */
    int64_t active_us;          /* when the program last called */

    int fd;                     /* the driver's file; -1: none */
    bool stale;                 /* it is of no use any more */
    bool served;                /* the host has taken its context */
    unsigned entered;           /* threads in a call with it */
    bool submitting;            /* one of them submits what is queued */
    bool pumping;
    bool tended;                /* by the thread */
    bool closed;
    bool has_thread;
    pthread_t thread;
};

/* All of the following is called with the lock held, which some let go of. */

/* --- flights.c --- */

/* The one place where a request ends. */
void flights_end(struct flights *flights, struct request *request, int result);

/* A request is to end as @error: at once where that can be, else soon. */
void flights_drop(struct flights *flights, struct request *request, int error);

/* End those whose time is over; returns when the next one's is. */
int64_t flights_expire(struct flights *flights);

/* --- flights-file.c --- */

/* What the file is, also if it is stale. Errors: those of INFO. */
int flights_info(struct flights *flights, struct vgpu_stub_io_info *info);

/*
 * Submit what is queued, as far as there is room, and, if @most is not 0, take
 * what has ended, at least @least if that comes until @until_us. Only the pump
 * may take.
 */
void flights_exchange(struct flights *flights, bool submit, unsigned least,
                      unsigned most, int64_t until_us);

/*
 * Whether there is something queued that may be submitted now. @rest_us, unless
 * it is NULL, is set to when there will be, if that is before it.
 */
bool flights_ready(struct flights *flights, int64_t *rest_us);

/* A file for a stale one, if nobody needs that any more. */
void flights_renew(struct flights *flights);

/* Have the driver end a flight, if it has not begun. */
void flights_cancel(struct flights *flights, struct flight *flight);

/* --- flights-pump.c --- */

/* Submit what is queued, if nobody else does; what cannot be has to wait. */
void flights_flush(struct flights *flights);

/*
 * Wait until @request has ended, or may be looked at by its limit, or until
 * @until_us: as the pump, or while another thread is.
 */
void flights_await(struct flights *flights, struct request *request,
                   int64_t until_us);

/* The thread for jobs; a pthread's function, called without the lock */
void *flights_tend(void *flights);

/* Have the pump look around. */
void flights_kick(struct flights *flights);

#endif /* VGPU_STUB_FLIGHTS_H */
