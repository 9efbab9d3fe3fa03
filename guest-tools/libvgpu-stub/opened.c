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
            dev->transport->ops->destroy(dev->transport);
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
    struct vgpu_stub *d = malloc(sizeof(*d));
    int rc;

    if (!d) {
        return -ENOMEM;
    }
    *d = (struct vgpu_stub) { .owner = getpid() };
    rc = transport_open(bdf, &d->transport);
    if (rc < 0) {
        free(d);
        return rc;
    }
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
        dev->transport->ops->abandon(dev->transport);
    } else {
        dev->transport->ops->close(dev->transport);
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
    rc = dev->transport->ops->get_info(dev->transport, info);
    opened_end(dev, cancelling);
    return rc;
}

int vgpu_stub_read_map(struct vgpu_stub *dev, void *map)
{
    struct request reading;
    int cancelling, rc;

    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    request_init(&reading, NULL, 0, CLOCK_NEVER, 0, NULL);
    reading.map = map;
    limit_ask(&reading.limit, dev->stop, dev->opaque);
    rc = dev->transport->ops->read_map(dev->transport, &reading);
    request_destroy(&reading);
    opened_end(dev, cancelling);
    return rc;
}
