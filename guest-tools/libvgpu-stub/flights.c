/*
 * libvgpu-stub: transport by the kernel's driver
 *
 * SPDX-License-Identifier: MIT
 */
#include "flights.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "cond.h"
#include "sized.h"

/* --- With the lock held --- */

void flights_end(struct flights *flights, struct request *request, int result)
{
    TAILQ_REMOVE(&flights->live, request, live);
    flights->jobs -= request->async;
    request->state = REQUEST_ENDED;
    request->result = result;
    notice_ended(&flights->notice, request);
    pthread_cond_broadcast(&request->changed);
    if (flights->closed) {
        pthread_cond_broadcast(&flights->changed);
    }
    if (request->own) {
        request_destroy(request);
        free(request);
    }
}

void flights_drop(struct flights *flights, struct request *request, int error)
{
    struct flight *flight = request->flight;

    if (request->state == REQUEST_QUEUED) {
        TAILQ_REMOVE(&flights->queued, request, entry);
        flights_end(flights, request, error);
    } else if (request->state == REQUEST_RUNNING && !request->unwanted) {
        request->unwanted = error;
        flights_cancel(flights, flight);
        flights_kick(flights);
        if (request->bulk_length == 0) {
            flight->request = NULL;
            flights_end(flights, request, error);
        }
        /* Else the program's memory is in use until it has ended */
    }
}

int64_t flights_expire(struct flights *flights)
{
    const int64_t now = clock_us();
    int64_t next_us = CLOCK_NEVER;
    struct request *request, *following;

    for (request = TAILQ_FIRST(&flights->live); request; request = following) {
        const int64_t deadline = request->limit.deadline_us;

        following = TAILQ_NEXT(request, live);
        if (!request->async) {
            continue;
        }
        if (deadline <= now) {
            flights_drop(flights, request, -ETIMEDOUT);
        } else if (deadline < next_us) {
            next_us = deadline;
        }
    }
    return next_us;
}

/* Ask the limit of a request that has not ended. */
static void check(struct flights *flights, struct request *request)
{
    int rc;

    if (request->unwanted) {
        return;
    }
    /* It may ask the program */
    pthread_mutex_unlock(&flights->lock);
    rc = limit_check(&request->limit, clock_us());
    pthread_mutex_lock(&flights->lock);
    if (rc < 0) {
        flights_drop(flights, request, rc);
    }
}

static void add(struct flights *flights, struct request *request)
{
    TAILQ_INSERT_TAIL(&flights->queued, request, entry);
    TAILQ_INSERT_TAIL(&flights->live, request, live);
    flights->jobs += request->async;
    flights->active_us = request->begin_us;
    if (flights->closed) {
        flights_drop(flights, request, -ECANCELED);
    }
}

static int finish(struct flights *flights, struct request *request,
                  int64_t until_us)
{
    while (request->state != REQUEST_ENDED) {
        check(flights, request);
        if (request->state == REQUEST_ENDED) {
            break;
        }
        flights_await(flights, request, until_us);
        if (request->state != REQUEST_ENDED && clock_us() >= until_us) {
            return -EAGAIN;
        }
    }
    notice_seen(&flights->notice, request);
    return request->result;
}

/* Signals are for the threads of the program. */
static int start_thread(struct flights *flights)
{
    sigset_t all, before;
    int error;

    if (flights->has_thread || flights->closed) {
        return 0;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&flights->thread, NULL, flights_tend, flights);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    flights->has_thread = error == 0;
    return error ? -EAGAIN : 0;
}

/* --- The transport --- */

static struct flights *flights_of(struct transport *transport)
{
    return (struct flights *)transport;
}

static int flights_begin(struct transport *transport, struct request *request)
{
    struct flights *flights = flights_of(transport);
    int rc;

    pthread_mutex_lock(&flights->lock);
    rc = request->async ? start_thread(flights) : 0;
    if (rc == 0) {
        const bool first = TAILQ_EMPTY(&flights->queued);

        add(flights, request);
        if (!(request->flags & VGPU_STUB_MORE)) {
            flights_flush(flights);
        } else if (first) {
            flights_kick(flights);      /* the pump may sleep for long */
        }
        if (flights->jobs == 1 || flights->notice.fd >= 0) {
            pthread_cond_broadcast(&flights->changed);
        }
        if (flights->tended && request->limit.deadline_us != CLOCK_NEVER) {
            flights_kick(flights);
        }
    }
    pthread_mutex_unlock(&flights->lock);
    return rc;
}

static int flights_wait(struct transport *transport, struct request *request,
                        int64_t until_us)
{
    struct flights *flights = flights_of(transport);
    int rc;

    pthread_mutex_lock(&flights->lock);
    flights->active_us = clock_us();
    rc = finish(flights, request, until_us);
    pthread_mutex_unlock(&flights->lock);
    return rc;
}

static int flights_run(struct transport *transport, struct request *request)
{
    struct flights *flights = flights_of(transport);
    int rc;

    pthread_mutex_lock(&flights->lock);
    add(flights, request);
    if (flights->pumping) {
        flights_flush(flights);
    }
    rc = finish(flights, request, CLOCK_NEVER);
    pthread_mutex_unlock(&flights->lock);
    return rc;
}

static void flights_cancel_request(struct transport *transport,
                                   struct request *request)
{
    struct flights *flights = flights_of(transport);

    pthread_mutex_lock(&flights->lock);
    flights_drop(flights, request, -ECANCELED);
    pthread_mutex_unlock(&flights->lock);
}

static int flights_fd(struct transport *transport)
{
    struct flights *flights = flights_of(transport);
    int rc;

    pthread_mutex_lock(&flights->lock);
    rc = notice_fd(&flights->notice);
    pthread_cond_broadcast(&flights->changed);
    pthread_mutex_unlock(&flights->lock);
    return rc;
}

/* What the file is; a device that was removed may have come back. */
static int get_file_info(struct flights *flights,
                         struct vgpu_stub_io_info *info)
{
    int rc;

    pthread_mutex_lock(&flights->lock);
    if (flights->closed) {
        rc = -ECANCELED;
    } else {
        flights_renew(flights);
        rc = flights_info(flights, info);
    }
    pthread_mutex_unlock(&flights->lock);
    return rc;
}

static int flights_get_info(struct transport *transport,
                            struct vgpu_stub_info *info)
{
    struct vgpu_stub_io_info file;
    struct vgpu_stub_info known;
    int rc;

    rc = get_file_info(flights_of(transport), &file);
    if (rc < 0) {
        return rc;
    }
    if ((file.pool != VGPU_STUB_POOL_A && file.pool != VGPU_STUB_POOL_B) ||
        file.priority > VGPU_STUB_PRIORITY_HIGH) {
        return -EPROTO;
    }
    known = (struct vgpu_stub_info) {
        .pool = file.pool,
        .priority = file.priority,
        .vm_id = file.vm_id,
        .protocol_version = file.protocol_version,
        .capabilities = file.capabilities,
        .request_timeout_ms = file.request_timeout_ms,
        .link_up = file.link & VGPU_STUB_LINK_UP,
        .interrupts = true,
        .driver = true,
        .queue = file.flags & VGPU_STUB_IO_INFO_QUEUE,
        .bulk_max = file.bulk_max,
    };
    strcpy(known.bdf, flights_of(transport)->bdf);
    return SIZED_GIVE(info, known, interrupts);
}

static int flights_read_map(struct transport *transport,
                            struct request *request)
{
    uint32_t map[VGPU_STUB_RESERVED / 4] = { 0 };
    struct vgpu_stub_io_info file;
    int rc;

    rc = get_file_info(flights_of(transport), &file);
    if (rc < 0) {
        return rc;
    }
    map[VGPU_STUB_REG_POOL_ID / 4] = file.pool;
    map[VGPU_STUB_REG_PRIORITY / 4] = file.priority;
    map[VGPU_STUB_REG_VM_ID / 4] = file.vm_id;
    map[VGPU_STUB_REG_PROTOCOL_VER / 4] = file.protocol_version;
    map[VGPU_STUB_REG_CAPABILITIES / 4] = file.capabilities;
    map[VGPU_STUB_REG_LINK / 4] = file.link;
    map[VGPU_STUB_REG_REQUEST_TIMEOUT_MS / 4] = file.request_timeout_ms;
    memcpy(request->map, map, sizeof(map));
    return 0;
}

static void flights_close(struct transport *transport)
{
    struct flights *flights = flights_of(transport);
    struct request *request, *next;

    pthread_mutex_lock(&flights->lock);
    flights->closed = true;
    for (request = TAILQ_FIRST(&flights->live); request; request = next) {
        next = TAILQ_NEXT(request, live);
        flights_drop(flights, request, -ECANCELED);
    }
    flights_kick(flights);
    pthread_cond_broadcast(&flights->changed);
    while (!TAILQ_EMPTY(&flights->live) || flights->entered > 0 ||
           flights->pumping) {
        request = TAILQ_FIRST(&flights->live);
        if (request && !flights->pumping) {
            flights_await(flights, request, CLOCK_NEVER);
        } else {
            cond_wait(&flights->changed, &flights->lock, CLOCK_NEVER);
        }
    }
    pthread_mutex_unlock(&flights->lock);
    if (flights->has_thread) {
        pthread_join(flights->thread, NULL);
    }
    if (flights->fd >= 0) {
        close(flights->fd);
    }
    flights->fd = -1;
}

static void free_flights(struct flight_list *list)
{
    struct flight *flight;

    while ((flight = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, flight, entry);
        free(flight);
    }
}

/* What a process has, be it the one that opened the device or its child */
static void free_all(struct flights *flights)
{
    free_flights(&flights->flying);
    free_flights(&flights->idle);
    notice_destroy(&flights->notice);
    if (flights->fd >= 0) {
        close(flights->fd);
    }
    close(flights->kick);
    free(flights);
}

static void flights_abandon(struct transport *transport)
{
    free_all(flights_of(transport));
}

static void flights_destroy(struct transport *transport)
{
    struct flights *flights = flights_of(transport);

    pthread_cond_destroy(&flights->changed);
    pthread_mutex_destroy(&flights->lock);
    free_all(flights);
}

static const struct transport_ops flights_ops = {
    .get_info = flights_get_info,
    .read_map = flights_read_map,
    .fd = flights_fd,
    .begin = flights_begin,
    .wait = flights_wait,
    .run = flights_run,
    .cancel = flights_cancel_request,
    .close = flights_close,
    .abandon = flights_abandon,
    .destroy = flights_destroy,
};

/* Takes over @fd. */
static int make(const char *bdf, int fd, const struct vgpu_stub_io_info *info,
                struct transport **transport)
{
    struct flights *flights = calloc(1, sizeof(*flights));
    int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (!flights || kick < 0) {
        free(flights);
        if (kick >= 0) {
            close(kick);
        }
        close(fd);
        return -ENOMEM;
    }
    flights->transport = (struct transport) {
        .ops = &flights_ops,
        .bulk_max = info->bulk_max,
    };
    flights->response_max = info->response_max;
    strcpy(flights->bdf, bdf);
    flights->timeout_ms = info->request_timeout_ms;
    flights->fd = fd;
    flights->kick = kick;
    pthread_mutex_init(&flights->lock, NULL);
    cond_init(&flights->changed);
    TAILQ_INIT(&flights->queued);
    TAILQ_INIT(&flights->live);
    TAILQ_INIT(&flights->flying);
    TAILQ_INIT(&flights->idle);
    TAILQ_INIT(&flights->waiting);
    notice_init(&flights->notice);
    *transport = &flights->transport;
    return 0;
}

int flights_open(const char *bdf, struct transport **transport)
{
    struct vgpu_stub_io_info info;
    int fd;

    fd = devfile_open(bdf, &info);
    if (fd < 0) {
        return fd;
    }
    if (info.protocol_version >> 16 != VGPU_STUB_PROTOCOL_VERSION >> 16) {
        close(fd);
        return -EPROTONOSUPPORT;
    }
    return make(bdf, fd, &info, transport);
}
