/*
 * libvgpu-stub: the driver's file: what is sent by it, what comes back
 *
 * A file whose context was lost takes no request any more. It is replaced by a
 * new one when nothing of it is under way, and its program is told: what was
 * given to the library before that was known ends as CONTEXT_LOST.
 *
 * SPDX-License-Identifier: MIT
 */
#include "flights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

/* Of requests that only the library wants */
struct own {
    struct request request;     /* first: the one is cast to the other */
    struct {
        struct vgpu_stub_request header;
        uint32_t params[2];
    } bytes;
    struct vgpu_stub_outcome outcome;
};

int flights_info(struct flights *flights, struct vgpu_stub_io_info *info)
{
    return flights->fd < 0 ? -ENODEV : devfile_info(flights->fd, info);
}

/* --- The file's life --- */

/* End all that is queued as @error. */
static void fail_queued(struct flights *flights, int error)
{
    struct request *request;

    while ((request = TAILQ_FIRST(&flights->queued))) {
        flights_drop(flights, request, error);
    }
}

static int lose_request(struct request *request)
{
    *request->outcome = (struct vgpu_stub_outcome) {
        .error_code = VGPU_STUB_ERR_CONTEXT_LOST,
    };
    return -EREMOTEIO;
}

/* The context is gone: what was given to be done in it does not begin. */
static void lose_context(struct flights *flights)
{
    struct request *request, *next;

    flights->stale = true;
    for (request = TAILQ_FIRST(&flights->queued); request; request = next) {
        next = TAILQ_NEXT(request, entry);
        if (!(request->flags & VGPU_STUB_IDEMPOTENT)) {
            flights_drop(flights, request, lose_request(request));
        }
    }
}

void flights_renew(struct flights *flights)
{
    struct vgpu_stub_io_info info;

    if (!flights->stale || flights->flying_count > 0 || flights->entered > 0) {
        return;
    }
    if (flights->fd >= 0) {
        close(flights->fd);
    }
    flights->fd = devfile_open(flights->bdf, &info);
    if (flights->fd < 0) {
        fail_queued(flights, flights->fd);
        return;
    }
    flights->stale = false;
    flights->served = false;
}

/* --- Flights --- */

static struct flight *flight_new(struct flights *flights,
                                 const struct request *request)
{
    struct flight *flight = TAILQ_FIRST(&flights->idle);

    if (flight) {
        TAILQ_REMOVE(&flights->idle, flight, entry);
    } else {
        flight = malloc(sizeof(*flight));
        if (!flight) {
            return NULL;
        }
    }
    flight->large = NULL;
    if (request->flags & VGPU_STUB_LARGE) {
        flight->large = malloc(flights->response_max);
        if (!flight->large) {
            TAILQ_INSERT_HEAD(&flights->idle, flight, entry);
            return NULL;
        }
    }
    return flight;
}

static bool is_allocation(const struct request *request)
{
    const struct vgpu_stub_request *header = request->bytes;

    return request->length >= sizeof(*header) &&
           header->opcode == VGPU_STUB_OP_MEMORY_ALLOC;
}

static struct vgpu_stub_io_submission describe(const struct flights *flights,
                                               const struct flight *flight)
{
    const struct request *request = flight->request;

    return (struct vgpu_stub_io_submission) {
        .user_data = (uintptr_t)flight,
        .request = (uintptr_t)flight->bytes,
        .response = (uintptr_t)(flight->large ? flight->large
                                              : flight->response),
        .bulk = (uintptr_t)request->bulk,
        .request_length = request->length,
        .response_capacity = flight->large ? flights->response_max
                                           : sizeof(flight->response),
        .bulk_length = request->bulk_length,
        .flags = request->bulk_length == 0 ? 0
                 : request->bulk_to_device ? VGPU_STUB_IO_BULK_TO_DEVICE
                                           : VGPU_STUB_IO_BULK_FROM_DEVICE,
        .order = flight->order,
    };
}

/* Whether a queued request may be submitted now. */
static bool is_ready(const struct request *request, int64_t now)
{
    return request->rest_us <= now;
}

bool flights_ready(struct flights *flights, int64_t *rest_us)
{
    const int64_t now = clock_us();
    struct request *request;

    TAILQ_FOREACH(request, &flights->queued, entry) {
        if (is_ready(request, now)) {
            flights_renew(flights);
            return !flights->stale;
        }
        if (rest_us && request->rest_us < *rest_us) {
            *rest_us = request->rest_us;
        }
    }
    return false;
}

/* Take what is queued into a batch; returns how many there are. */
static unsigned take_batch(struct flights *flights, struct flight **batch,
                           struct vgpu_stub_io_submission *submissions)
{
    const int64_t now = clock_us();
    struct request *request, *next;
    unsigned count = 0;

    for (request = TAILQ_FIRST(&flights->queued);
         request && count < FLIGHTS_BATCH; request = next) {
        struct flight *flight;

        next = TAILQ_NEXT(request, entry);
        if (!is_ready(request, now)) {
            continue;
        }
        flight = flight_new(flights, request);
        if (!flight) {
            flights_drop(flights, request, -ENOMEM);
            continue;
        }
        TAILQ_REMOVE(&flights->queued, request, entry);
        request->state = REQUEST_RUNNING;
        request->flight = flight;
        flight->request = request;
        flight->allocates = is_allocation(request);
        flight->order = request_order(request);
        memcpy(flight->bytes, request->bytes, request->length);
        TAILQ_INSERT_TAIL(&flights->flying, flight, entry);
        flights->flying_count++;
        batch[count] = flight;
        submissions[count++] = describe(flights, flight);
    }
    return count;
}

/* A flight is over. */
static void flight_end(struct flights *flights, struct flight *flight)
{
    TAILQ_REMOVE(&flights->flying, flight, entry);
    flights->flying_count--;
    free(flight->large);
    flight->large = NULL;
    TAILQ_INSERT_HEAD(&flights->idle, flight, entry);
}

/*
 * It was not submitted: its request is queued again, in front, and returned; or
 * it is not wanted any more: then NULL.
 */
static struct request *put_back(struct flights *flights, struct flight *flight)
{
    struct request *request = flight->request;

    flight_end(flights, flight);
    if (!request) {
        return NULL;
    }
    request->flight = NULL;
    request->state = REQUEST_QUEUED;
    TAILQ_INSERT_HEAD(&flights->queued, request, entry);
    if (request->unwanted) {
        flights_drop(flights, request, request->unwanted);
        return NULL;
    }
    return request;
}

/*
 * The flights of a batch from @done on were not submitted: they are put back.
 * @error is why none was, or 0.
 */
static void end_batch(struct flights *flights, struct flight **batch,
                      unsigned count, unsigned done, int error)
{
    struct request *first = NULL;

    for (unsigned i = count; i > done; i--) {
        first = put_back(flights, batch[i - 1]);
    }
    switch (error) {
    case 0:
    case -EAGAIN:
    case -EINTR:
        break;
    case -ESTALE:
        lose_context(flights);
        break;
    case -ENODEV:
        flights->stale = true;
        fail_queued(flights, error);
        break;
    default:
        if (first) {
            flights_drop(flights, first, error);
        }
    }
}

/* --- What comes back --- */

/* Memory came too late for the one who had asked for it: free it. */
static void give_back(struct flights *flights, const uint8_t *response)
{
    const size_t results = sizeof(struct vgpu_stub_response);
    struct own *own = flights->closed ? NULL : malloc(sizeof(*own));

    if (!own) {
        return;
    }
    own->bytes.header = (struct vgpu_stub_request) {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_MEMORY_FREE,
        .param_count = 2,
        .data_offset = sizeof(own->bytes),
    };
    memcpy(own->bytes.params, response + results, sizeof(own->bytes.params));
    request_init(&own->request, &own->bytes, sizeof(own->bytes), CLOCK_NEVER,
                 0, &own->outcome);
    own->request.own = true;
    TAILQ_INSERT_TAIL(&flights->queued, &own->request, entry);
    TAILQ_INSERT_TAIL(&flights->live, &own->request, live);
}

/* What the host says where it does not take a context */
static bool is_refusal(uint32_t status)
{
    return status == VGPU_STUB_ERR_QUEUE_FULL ||
           status == VGPU_STUB_ERR_INVALID_POOL ||
           status == VGPU_STUB_ERR_VM_QUARANTINED ||
           status == VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE;
}

/* What its status says of the file's context */
static void judge(struct flights *flights, uint32_t status)
{
    if (status == VGPU_STUB_ERR_CONTEXT_LOST) {
        lose_context(flights);
    } else if (!is_refusal(status)) {
        flights->served = true;
    } else if (!flights->served) {
        /* It would go on to be refused, and there is nothing in it */
        flights->stale = true;
    }
}

/* A response that is longer than an outcome has goes over to the request. */
static int make_outcome(const struct flights *flights,
                        struct request *request, struct flight *flight,
                        const struct vgpu_stub_io_completion *completion)
{
    struct vgpu_stub_outcome *outcome = request->outcome;
    const size_t length = completion->response_length;
    const size_t most = flight->large ? flights->response_max
                                      : sizeof(flight->response);
    size_t here = length;

    free(request->large);           /* of an attempt before this */
    request->large = NULL;
    if (length > most ||
        (completion->flags & VGPU_STUB_IO_COMPLETION_FAULT)) {
        return -EPROTO;
    }
    outcome->error_code = completion->status;
    outcome->length = length;
    if (length > sizeof(outcome->data)) {
        here = sizeof(outcome->data);
    }
    memcpy(outcome->data, flight->large ? flight->large : flight->response,
           here);
    memset(outcome->data + here, 0, sizeof(outcome->data) - here);
    if (here < length) {
        request->large = flight->large;
        flight->large = NULL;
    }
    return completion->status == VGPU_STUB_ERR_NONE ? 0 : -EREMOTEIO;
}

static void land(struct flights *flights,
                 const struct vgpu_stub_io_completion *completion)
{
    struct flight *flight = (void *)(uintptr_t)completion->user_data;
    struct request *request = flight->request;
    int rc;

    judge(flights, completion->status);
    if (request) {
        request->flight = NULL;
        rc = make_outcome(flights, request, flight, completion);
        if (rc == 0 && completion->bulk_moved != request->bulk_length) {
            rc = -EPROTO;
        }
        if (!request->unwanted &&
            request_rests(request, rc, flights->timeout_ms)) {
            request->state = REQUEST_QUEUED;
            TAILQ_INSERT_TAIL(&flights->queued, request, entry);
        } else {
            flights_end(flights, request,
                        request->unwanted ? request->unwanted : rc);
        }
    } else if (flight->allocates && completion->status == VGPU_STUB_ERR_NONE) {
        give_back(flights, flight->large ? flight->large : flight->response);
    }
    flight_end(flights, flight);
}

/* --- Calls --- */

void flights_cancel(struct flights *flights, struct flight *flight)
{
    if (flights->fd >= 0) {
        devfile_cancel(flights->fd, (uintptr_t)flight);
    }
}

static int enter(struct flights *flights, struct vgpu_stub_io_enter *call)
{
    const int fd = flights->fd;
    int rc;

    flights->entered++;
    pthread_mutex_unlock(&flights->lock);
    rc = devfile_enter(fd, call);
    pthread_mutex_lock(&flights->lock);
    if (--flights->entered == 0) {
        pthread_cond_broadcast(&flights->changed);
    }
    return rc;
}

/*
 * Whether others may submit before these have been: not if one is of a thread
 * that has gone on, for what that brings next comes after it.
 */
static bool is_overtaken(struct flight *const *batch, unsigned count)
{
    return count == 0 || (count == 1 && !batch[0]->request->async);
}

void flights_exchange(struct flights *flights, bool submit, unsigned least,
                      unsigned most, int64_t until_us)
{
    struct vgpu_stub_io_submission submissions[FLIGHTS_BATCH];
    struct vgpu_stub_io_completion completions[FLIGHTS_BATCH];
    struct flight *batch[FLIGHTS_BATCH];
    struct vgpu_stub_io_enter call = {
        .submissions = (uintptr_t)submissions,
        .completions = (uintptr_t)completions,
        .deadline_ns = until_us == CLOCK_NEVER ? -1 : until_us * 1000,
        .complete_min = least,
        .complete_max = most,
    };
    unsigned count = submit ? take_batch(flights, batch, submissions) : 0;
    const bool exclusive = !is_overtaken(batch, count);
    int rc;

    if (count == 0 && flights->flying_count == 0) {
        return;
    }
    call.submit_count = count;
    flights->submitting |= exclusive;
    rc = enter(flights, &call);
    if (exclusive) {
        flights->submitting = false;
    }
    end_batch(flights, batch, count, rc < 0 ? 0 : call.submit_count, rc);
    for (unsigned i = 0; rc == 0 && i < call.complete_count; i++) {
        land(flights, &completions[i]);
    }
}
