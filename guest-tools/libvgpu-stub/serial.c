/*
 * libvgpu-stub: transport by the mailbox of a device's BAR, for root
 *
 * One request at a time is in the device, the others wait in a queue.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "queue.h"
#include "transport.h"

struct serial {
    struct transport transport;     /* first: the one is cast to the other */
    struct queue queue;
};

static struct queue *queue_of(struct transport *transport)
{
    return &((struct serial *)transport)->queue;
}

static int execute_until_done(struct device *device, struct request *request)
{
    int rc, stopped;

    request->begin_us = clock_us();
    for (;;) {
        rc = device_execute(device, request->bytes, request->length,
                            &request->limit, request->outcome);
        /* That register is another trip to dom0: not after each request */
        if (rc == 0 ||
            !request_rests(request, rc, device_request_timeout_ms(device))) {
            return rc;
        }
        stopped = device_pause(device, request->rest_us - clock_us(),
                               &request->limit);
        if (stopped < 0) {
            return stopped;
        }
    }
}

/* The work of the queue */
static int work(struct device *device, struct request *request)
{
    return request->bytes ? execute_until_done(device, request)
                          : device_read_map(device, request->map);
}

static int serial_get_info(struct transport *transport,
                           struct vgpu_stub_info *info)
{
    struct queue *queue = queue_of(transport);
    int rc;

    pthread_mutex_lock(&queue->lock);
    rc = queue->closed ? -ECANCELED : device_get_info(queue->device, info);
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

static int serial_run(struct transport *transport, struct request *request)
{
    return queue_run(queue_of(transport), request);
}

static int serial_fd(struct transport *transport)
{
    struct queue *queue = queue_of(transport);
    int rc;

    pthread_mutex_lock(&queue->lock);
    rc = notice_fd(&queue->notice);
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

static int serial_begin(struct transport *transport, struct request *request)
{
    return queue_start(queue_of(transport), request);
}

static int serial_wait(struct transport *transport, struct request *request,
                       int64_t until_us)
{
    return queue_wait(queue_of(transport), request, until_us);
}

static void serial_cancel(struct transport *transport, struct request *request)
{
    queue_cancel(queue_of(transport), request);
}

static void serial_close(struct transport *transport)
{
    queue_close(queue_of(transport));
}

static void serial_abandon(struct transport *transport)
{
    queue_abandon(queue_of(transport));
    free(transport);
}

static void serial_destroy(struct transport *transport)
{
    queue_destroy(queue_of(transport));
    free(transport);
}

static const struct transport_ops serial_ops = {
    .get_info = serial_get_info,
    .read_map = serial_run,
    .fd = serial_fd,
    .begin = serial_begin,
    .wait = serial_wait,
    .run = serial_run,
    .cancel = serial_cancel,
    .close = serial_close,
    .abandon = serial_abandon,
    .destroy = serial_destroy,
};

int serial_open(const char *bdf, struct transport **transport)
{
    struct device *device;
    struct serial *serial;
    int rc;

    rc = device_open(bdf, &device);
    if (rc < 0) {
        return rc;
    }
    serial = malloc(sizeof(*serial));
    if (!serial) {
        device_close(device);
        return -ENOMEM;
    }
    serial->transport = (struct transport) { .ops = &serial_ops };
    queue_init(&serial->queue, device, work);
    *transport = &serial->transport;
    return 0;
}
