/*
 * libvgpu-stub: an open device
 *
 * SPDX-License-Identifier: MIT
 */
#include "opened.h"

#include <stdlib.h>
#include <unistd.h>

#include "cancel.h"
#include "clock.h"

void opened_hold(struct vgpu_stub *dev)
{
    atomic_fetch_add(&dev->users, 1);
}

void opened_release(struct vgpu_stub *dev)
{
    if (atomic_fetch_sub(&dev->users, 1) == 1) {
        if (!opened_is_inherited(dev)) {
            queue_destroy(&dev->queue);
        }
        free(dev);
    }
}

bool opened_is_inherited(const struct vgpu_stub *dev)
{
    return getpid() != dev->owner;
}

int opened_begin(struct vgpu_stub *dev, int *cancelling)
{
    if (opened_is_inherited(dev)) {
        return -ECANCELED;
    }
    *cancelling = cancel_defer();
    opened_hold(dev);
    return 0;
}

void opened_end(struct vgpu_stub *dev, int cancelling)
{
    opened_release(dev);
    cancel_restore(cancelling);
}

static int open_device(const char *bdf, struct vgpu_stub **dev)
{
    struct device *device;
    struct vgpu_stub *d;
    int rc;

    rc = device_open(bdf, &device);
    if (rc < 0) {
        return rc;
    }
    d = malloc(sizeof(*d));
    if (!d) {
        device_close(device);
        return -ENOMEM;
    }
    *d = (struct vgpu_stub) { .owner = getpid() };
    queue_init(&d->queue, device);
    atomic_init(&d->users, 1);
    *dev = d;
    return 0;
}

int vgpu_stub_open(const char *bdf, struct vgpu_stub **dev)
{
    const int cancelling = cancel_defer();
    int rc = open_device(bdf, dev);

    cancel_restore(cancelling);
    return rc;
}

void vgpu_stub_close(struct vgpu_stub *dev)
{
    int cancelling;

    if (!dev) {
        return;
    }
    cancelling = cancel_defer();
    if (opened_is_inherited(dev)) {
        queue_abandon(&dev->queue);
    } else {
        queue_close(&dev->queue);
    }
    opened_release(dev);
    cancel_restore(cancelling);
}

const char *vgpu_stub_version(void)
{
    return VGPU_STUB_LIBRARY_VERSION;
}

void vgpu_stub_set_stop(struct vgpu_stub *dev, bool (*stop)(void *opaque),
                        void *opaque)
{
    dev->stop = stop;
    dev->opaque = opaque;
}

int vgpu_stub_get_info(struct vgpu_stub *dev, struct vgpu_stub_info *info)
{
    int cancelling, rc;

    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    pthread_mutex_lock(&dev->queue.lock);
    rc = dev->queue.closed ? -ECANCELED
                           : device_get_info(dev->queue.device, info);
    pthread_mutex_unlock(&dev->queue.lock);
    opened_end(dev, cancelling);
    return rc;
}

struct map_job {
    struct job job;             /* first: the one is cast to the other */
    void *map;
};

static int read_map(struct device *device, struct job *job)
{
    return device_read_map(device, ((struct map_job *)job)->map);
}

int vgpu_stub_read_map(struct vgpu_stub *dev, void *map)
{
    struct map_job reading = { .map = map };
    int cancelling, rc;

    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    job_init(&reading.job, read_map, CLOCK_NEVER);
    limit_ask(&reading.job.limit, dev->stop, dev->opaque);
    rc = queue_run(&dev->queue, &reading.job);
    job_destroy(&reading.job);
    opened_end(dev, cancelling);
    return rc;
}
