/*
 * libvgpu-stub: devices that are open through their BAR
 *
 * SPDX-License-Identifier: MIT
 */
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailbox.h"
#include "sized.h"
#include "sysfs.h"

#define VERSION_MAJOR(version) ((version) >> 16)

struct device {
    char bdf[VGPU_STUB_BDF_SIZE];
    int fd;                 /* resource0; holds the lock */
    uint32_t access_ns;     /* what one access takes */
    struct mailbox mailbox;
};

int device_execute(struct device *device, const void *request, size_t length,
                   struct limit *limit, struct vgpu_stub_outcome *outcome)
{
    return mailbox_execute(&device->mailbox, request, length, limit, outcome);
}

int device_pause(struct device *device, int64_t us, struct limit *limit)
{
    return waiter_pause(&device->mailbox.waiter, us, limit);
}

void device_wake(struct device *device)
{
    waiter_wake(&device->mailbox.waiter);
}

uint32_t device_request_timeout_ms(const struct device *device)
{
    return bar_read(&device->mailbox.bar, VGPU_STUB_REG_REQUEST_TIMEOUT_MS);
}

int device_get_info(const struct device *device, struct vgpu_stub_info *info)
{
    const struct bar *bar = &device->mailbox.bar;
    uint32_t pool = bar_read(bar, VGPU_STUB_REG_POOL_ID);
    uint32_t priority = bar_read(bar, VGPU_STUB_REG_PRIORITY);
    struct vgpu_stub_info known;

    if (pool == 0 || pool == UINT32_MAX) {
        return -ENODEV;
    }
    if ((pool != VGPU_STUB_POOL_A && pool != VGPU_STUB_POOL_B) ||
        priority > VGPU_STUB_PRIORITY_HIGH) {
        return -EPROTO;
    }
    known = (struct vgpu_stub_info) {
        .pool = pool,
        .priority = priority,
        .vm_id = bar_read(bar, VGPU_STUB_REG_VM_ID),
        .protocol_version = bar_read(bar, VGPU_STUB_REG_PROTOCOL_VER),
        .capabilities = bar_read(bar, VGPU_STUB_REG_CAPABILITIES),
        .request_timeout_ms = device_request_timeout_ms(device),
        .access_ns = device->access_ns,
        .link_up = bar_read(bar, VGPU_STUB_REG_LINK) & VGPU_STUB_LINK_UP,
        .interrupts = waiter_has_interrupt(&device->mailbox.waiter),
    };
    strcpy(known.bdf, device->bdf);
    return SIZED_GIVE(info, known, interrupts);
}

int device_read_map(struct device *device, void *map)
{
    int rc;

    rc = mailbox_read_all(&device->mailbox);
    if (rc < 0) {
        return rc;
    }
    memcpy(map, device->mailbox.bar.images->in.byte, VGPU_STUB_RESERVED);
    return 0;
}

static int check_version(struct device *device)
{
    uint32_t version = bar_read(&device->mailbox.bar,
                                VGPU_STUB_REG_PROTOCOL_VER);

    if (version == 0 || version == UINT32_MAX) {
        return -ENODEV;
    }
    return VERSION_MAJOR(version) == VERSION_MAJOR(VGPU_STUB_PROTOCOL_VERSION)
           ? 0 : -EPROTONOSUPPORT;
}

int device_open(const char *bdf, struct device **device)
{
    struct device *d;
    int rc;

    d = calloc(1, sizeof(*d));
    if (!d) {
        return -ENOMEM;
    }
    d->fd = -1;
    mailbox_init(&d->mailbox);

    strcpy(d->bdf, bdf);
    rc = sysfs_open_bar(d->bdf);
    if (rc < 0) {
        goto fail;
    }
    d->fd = rc;
    rc = sysfs_lock_bar(d->fd);
    if (rc < 0) {
        goto fail;
    }
    rc = bar_map(&d->mailbox.bar, d->fd);
    if (rc < 0) {
        goto fail;
    }
    rc = check_version(d);
    if (rc < 0) {
        goto fail;
    }
    d->access_ns = bar_measure_access(&d->mailbox.bar);
    rc = waiter_open(&d->mailbox.waiter, d->bdf, d->access_ns / 1000);
    if (rc < 0) {
        goto fail;
    }
    *device = d;
    return 0;

fail:
    device_close(d);
    return rc;
}

/* What a process has, be it the one that opened the device or its child */
static void free_device(struct device *device)
{
    waiter_close(&device->mailbox.waiter);
    if (device->fd >= 0) {
        close(device->fd);
    }
    free(device);
}

void device_close(struct device *device)
{
    if (!device) {
        return;
    }
    if (waiter_has_interrupt(&device->mailbox.waiter)) {
        bar_write(&device->mailbox.bar, VGPU_STUB_REG_INTERRUPT_CTRL, 0);
    }
    bar_unmap(&device->mailbox.bar);
    if (device->fd >= 0) {
        /* A child of fork() has the same open file, which would stay locked */
        sysfs_unlock_bar(device->fd);
    }
    free_device(device);
}

void device_abandon(struct device *device)
{
    bar_forget(&device->mailbox.bar);
    free_device(device);
}
