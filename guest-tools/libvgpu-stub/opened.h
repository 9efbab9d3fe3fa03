/*
 * libvgpu-stub: an open device, and its requests
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_OPENED_H
#define VGPU_STUB_OPENED_H

#include <stdatomic.h>
#include <sys/types.h>

#include "transport.h"

struct vgpu_stub {
    struct transport *transport;
    atomic_uint users;          /* who opened it, jobs, running calls */
    pid_t owner;                /* a child of fork() is not */
    bool (*stop)(void *opaque); /* see vgpu_stub_set_stop() */
    void *opaque;
};

/*
 * Whoever holds an open device may use it, also when it is closed meanwhile:
 * requests are -ECANCELED then.
 */
void opened_hold(struct vgpu_stub *dev);
void opened_release(struct vgpu_stub *dev);

/* Whether the process is a child of the one that opened the device. */
bool opened_is_inherited(const struct vgpu_stub *dev);

/*
 * Each call begins and ends with these, which hold the device and put off a
 * cancellation of the thread. Errors: -ECANCELED in a child of fork().
 */
int opened_begin(struct vgpu_stub *dev, int *cancelling);
void opened_end(struct vgpu_stub *dev, int cancelling);

/*
 * As vgpu_stub_call(), with a deadline of clock_us() and the flags of
 * vgpu_stub_submit(), within a call. @outcome is not NULL.
 */
int opened_call(struct vgpu_stub *dev, const void *request, size_t length,
                int64_t deadline_us, unsigned flags,
                struct vgpu_stub_outcome *outcome);

#endif /* VGPU_STUB_OPENED_H */
