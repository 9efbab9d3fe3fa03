/*
 * libvgpu-stub: devices that are open through their BAR
 *
 * Below are sysfs, the BAR, its mailbox and how an outcome is waited for.
 *
 * For one thread at a time, except where it says otherwise.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_DEVICE_H
#define VGPU_STUB_DEVICE_H

#include "limit.h"
#include "vgpu-stub.h"

struct device;

/* Errors: those of vgpu_stub_open(). */
int device_open(const char *bdf, struct device **device);

/* NULL is allowed. */
void device_close(struct device *device);

/* In a child of the process that opened it: free what the child has of it. */
void device_abandon(struct device *device);

/* See vgpu_stub_get_info(). Also while another thread uses the device. */
int device_get_info(const struct device *device, struct vgpu_stub_info *info);

/* See vgpu_stub_read_map(). */
int device_read_map(struct device *device, void *map);

/*
 * Send a request of 1 to VGPU_STUB_BUF_SIZE bytes and wait for its outcome.
 * Returns and fails as vgpu_stub_call(), -ETIMEDOUT, -ECANCELED and -EINTR
 * according to @limit.
 */
int device_execute(struct device *device, const void *request, size_t length,
                   struct limit *limit, struct vgpu_stub_outcome *outcome);

/* Wait for @us, or until @limit; returns 0 or the limit's error. */
int device_pause(struct device *device, int64_t us, struct limit *limit);

/*
 * Have the thread that waits look at its limit, because its stop was set.
 * For any thread.
 */
void device_wake(struct device *device);

/* The device's own limit; 0 is none. */
uint32_t device_request_timeout_ms(const struct device *device);

#endif /* VGPU_STUB_DEVICE_H */
