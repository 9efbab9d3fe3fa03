/*
 * libvgpu-stub: the handle of an open device
 *
 * SPDX-License-Identifier: MIT
 */
#include "handle.h"

#include <stdlib.h>

#include "clock.h"

void handle_hold(struct vgpu_stub *dev)
{
    atomic_fetch_add(&dev->users, 1);
}

void handle_release(struct vgpu_stub *dev)
{
    if (atomic_fetch_sub(&dev->users, 1) == 1) {
        queue_destroy(&dev->queue);
        free(dev);
    }
}

int vgpu_stub_open(const char *bdf, struct vgpu_stub **dev)
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
    queue_init(&d->queue, device);
    atomic_init(&d->users, 1);
    *dev = d;
    return 0;
}

void vgpu_stub_close(struct vgpu_stub *dev)
{
    if (dev) {
        queue_close(&dev->queue);
        handle_release(dev);
    }
}

int vgpu_stub_get_info(struct vgpu_stub *dev, struct vgpu_stub_info *info)
{
    int rc = -ECANCELED;

    handle_hold(dev);
    pthread_mutex_lock(&dev->queue.lock);
    if (!dev->queue.closed) {
        rc = device_get_info(dev->queue.device, info);
    }
    pthread_mutex_unlock(&dev->queue.lock);
    handle_release(dev);
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
    int rc;

    handle_hold(dev);
    job_init(&reading.job, read_map, CLOCK_NEVER);
    rc = queue_run(&dev->queue, &reading.job);
    job_destroy(&reading.job);
    handle_release(dev);
    return rc;
}
