/*
 * libvgpu-stub: who takes what has ended, and waits for it
 *
 * A wait begins in the driver's call, which submits, waits and takes in one.
 * That cannot be woken by another thread, so it is a short one; what takes
 * longer is waited for in poll(). The thread for jobs lets the program go first: one that
 * looks for its jobs itself is not in need of it.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE             /* ppoll() */
#include "flights.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "cond.h"

/* The longest wait that cannot be woken */
#define SHORT_US 10000

/* So long after the program's last call its jobs are tended. */
#define GRACE_US 10000

/* How often the thread looks whether a program that waits has left */
#define BUSY_US 100000

/* Until another thread has left a file that is to be replaced */
#define LEAVE_US 1000

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void flights_kick(struct flights *flights)
{
    if (flights->pumping) {
        eventfd_write(flights->kick, 1);
    }
}

/*
 * Sleep until something has ended, a kick or @until_us. Returns 0, or -EINTR
 * after a signal.
 */
static int doze(struct flights *flights, int64_t until_us)
{
    struct pollfd fds[] = {
        { .fd = flights->stale ? -1 : flights->fd, .events = POLLIN },
        { .fd = flights->kick, .events = POLLIN },
    };
    int64_t left = until_us - clock_us();
    const struct timespec timeout = clock_timespec(left > 0 ? left : 0);
    eventfd_t count;
    int rc;

    flights->entered++;
    pthread_mutex_unlock(&flights->lock);
    rc = ppoll(fds, 2, until_us == CLOCK_NEVER ? NULL : &timeout, NULL);
    rc = rc < 0 ? -errno : 0;
    pthread_mutex_lock(&flights->lock);
    if (--flights->entered == 0) {
        pthread_cond_broadcast(&flights->changed);
    }
    if (rc == 0 && (fds[1].revents & POLLIN)) {
        eventfd_read(flights->kick, &count);
    }
    if (rc == 0 && (fds[0].revents & POLLERR)) {
        flights->stale = true;      /* what there is to be taken is taken */
    }
    return rc;
}

/*
 * How many have to end until @request has, if nobody waits for another one:
 * those of its order that come before it, and itself.
 */
static unsigned least_for(struct flights *flights,
                          const struct request *request)
{
    const uint32_t order = request_order(request);
    const struct request *queued;
    const struct flight *flight;
    unsigned count = 1;

    if (!TAILQ_EMPTY(&flights->waiting)) {
        return 1;
    }
    TAILQ_FOREACH(flight, &flights->flying, entry) {
        if (flight == request->flight) {
            return count;
        }
        count += flight->order == order;
    }
    TAILQ_FOREACH(queued, &flights->queued, entry) {
        if (queued == request || count == FLIGHTS_BATCH) {
            break;
        }
        count += request_order(queued) == order;
    }
    return count;
}

/*
 * The pump: submit, wait until @until_us and take. @request is what this thread
 * waits for, NULL is none; @brief whether a short wait may do.
 *
 * Returns 0, or -EINTR after a signal.
 */
static int pump(struct flights *flights, const struct request *request,
                int64_t until_us, bool brief)
{
    const int64_t short_us = earlier(until_us, clock_us() + SHORT_US);
    const bool ready = flights_ready(flights, &until_us);
    int rc = 0;

    if (request && request->state == REQUEST_ENDED) {
        return 0;                   /* there was no file for it */
    }
    if (ready && !flights->submitting) {
        /* Others are not to wait behind this before they can submit */
        bool alone = request && TAILQ_EMPTY(&flights->waiting);

        flights_exchange(flights, true,
                         alone ? least_for(flights, request) : 0,
                         FLIGHTS_BATCH, short_us);
    } else if (flights->stale && flights->flying_count == 0 &&
               flights->entered > 0) {
        cond_wait(&flights->changed, &flights->lock, clock_us() + LEAVE_US);
    } else if ((brief || flights->stale) && flights->flying_count > 0) {
        flights_exchange(flights, false,
                         request ? least_for(flights, request) : 1,
                         FLIGHTS_BATCH, short_us);
    } else {
        rc = doze(flights, until_us);
        flights_exchange(flights, false, 0, FLIGHTS_BATCH, 0);
    }
    return rc;
}

/* Nobody pumps now: another one that waits is to, or the thread. */
static void pass_on(struct flights *flights)
{
    struct request *next = TAILQ_FIRST(&flights->waiting);

    if (next) {
        pthread_cond_broadcast(&next->changed);
    } else if (flights->closed ||
               (flights->jobs > 0 && flights->notice.fd >= 0)) {
        pthread_cond_broadcast(&flights->changed);
    }
}

/* Wait while another thread pumps. */
static void follow(struct flights *flights, struct request *request,
                   int64_t until_us)
{
    if (request->waiters++ == 0) {
        TAILQ_INSERT_TAIL(&flights->waiting, request, wait);
    }
    if (flights->tended && clock_us() < until_us) {
        flights_kick(flights);      /* the thread lets it go on by itself */
    }
    cond_wait(&request->changed, &flights->lock, until_us);
    if (--request->waiters == 0) {
        TAILQ_REMOVE(&flights->waiting, request, wait);
    }
    if (!flights->pumping) {
        pass_on(flights);
    }
}

void flights_await(struct flights *flights, struct request *request,
                   int64_t until_us)
{
    const int64_t begin_us = clock_us();
    int64_t now = begin_us;

    if (!request->unwanted) {
        until_us = earlier(until_us, limit_next(&request->limit));
    }
    if (flights->pumping && request->state == REQUEST_QUEUED) {
        flights_flush(flights);     /* the pump may sleep for long */
    }
    if (request->state == REQUEST_ENDED) {
        return;
    }
    if (flights->pumping) {
        follow(flights, request, until_us);
        return;
    }
    flights->pumping = true;
    do {
        if (pump(flights, request, until_us, now < begin_us + SHORT_US) ==
            -EINTR) {
            limit_signal(&request->limit);
            break;
        }
        now = clock_us();
    } while (request->state != REQUEST_ENDED && now < until_us);
    flights->pumping = false;
    pass_on(flights);
    if (!TAILQ_EMPTY(&flights->queued)) {
        flights_flush(flights);     /* what came while this one submitted */
    }
}

void flights_flush(struct flights *flights)
{
    const bool take = !flights->pumping;
    struct request *first = NULL;

    flights->pumping = true;
    while (!flights->submitting && flights_ready(flights, NULL) &&
           TAILQ_FIRST(&flights->queued) != first) {
        first = TAILQ_FIRST(&flights->queued);
        flights_exchange(flights, true, 0, take ? FLIGHTS_BATCH : 0, 0);
    }
    if (take) {
        flights->pumping = false;
        pass_on(flights);
    } else if (!TAILQ_EMPTY(&flights->queued)) {
        flights_kick(flights);
    }
}

/* For how long the program is left to look for its jobs itself; 0: not */
static int64_t leave_us(struct flights *flights)
{
    if (flights->pumping || !TAILQ_EMPTY(&flights->waiting)) {
        return BUSY_US;
    }
    return flights->notice.fd < 0 &&
           clock_us() < flights->active_us + GRACE_US ? GRACE_US : 0;
}

void *flights_tend(void *opaque)
{
    struct flights *flights = opaque;
    int64_t next_us;

    pthread_mutex_lock(&flights->lock);
    while (!flights->closed) {
        next_us = flights_expire(flights);
        if (flights->jobs == 0) {
            cond_wait(&flights->changed, &flights->lock, CLOCK_NEVER);
        } else if (leave_us(flights) > 0) {
            cond_wait(&flights->changed, &flights->lock,
                      earlier(clock_us() + leave_us(flights), next_us));
        } else {
            flights->pumping = flights->tended = true;
            pump(flights, NULL, next_us, false);
            flights->pumping = flights->tended = false;
            pass_on(flights);
        }
    }
    pthread_mutex_unlock(&flights->lock);
    return NULL;
}
