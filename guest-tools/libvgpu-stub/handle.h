/*
 * libvgpu-stub: the handle of an open device, and its requests
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_HANDLE_H
#define VGPU_STUB_HANDLE_H

#include <sys/types.h>

#include "queue.h"

struct vgpu_stub {
    struct queue queue;
    atomic_uint users;          /* the handle's owner, jobs, running calls */
    pid_t owner;                /* a child of fork() is not */
    bool (*stop)(void *opaque); /* see vgpu_stub_set_stop() */
    void *opaque;
};

/*
 * Whoever holds a handle may use it, also when it is closed meanwhile:
 * requests are -ECANCELED then.
 */
void handle_hold(struct vgpu_stub *dev);
void handle_release(struct vgpu_stub *dev);

/* Whether the process is a child of the one that opened the device. */
bool handle_is_inherited(const struct vgpu_stub *dev);

/*
 * Each call begins and ends with these, which hold the handle and put off a
 * cancellation of the thread. Errors: -ECANCELED in a child of fork().
 */
int handle_begin(struct vgpu_stub *dev, int *cancelling);
void handle_end(struct vgpu_stub *dev, int cancelling);

/* The errors of a request of that @length and with those @flags, or 0 */
int request_check(size_t length, unsigned flags);

/*
 * As vgpu_stub_call(), with a deadline of clock_us() and the flags of
 * vgpu_stub_submit(), within a call. @outcome is not NULL.
 */
int handle_call(struct vgpu_stub *dev, const void *request, size_t length,
                int64_t deadline_us, unsigned flags,
                struct vgpu_stub_outcome *outcome);

#endif /* VGPU_STUB_HANDLE_H */
