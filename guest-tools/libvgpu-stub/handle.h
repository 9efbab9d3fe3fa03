/*
 * libvgpu-stub: the handle of an open device, and its requests
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_HANDLE_H
#define VGPU_STUB_HANDLE_H

#include "queue.h"

struct vgpu_stub {
    struct queue queue;
    atomic_uint users;          /* the handle's owner, jobs, running calls */
};

/*
 * Whoever holds a handle may use it, also when it is closed meanwhile:
 * requests are -ECANCELED then.
 */
void handle_hold(struct vgpu_stub *dev);
void handle_release(struct vgpu_stub *dev);

/*
 * As vgpu_stub_call(), with a deadline of clock_us() and the flags of
 * vgpu_stub_submit(). @outcome is not NULL.
 */
int handle_call(struct vgpu_stub *dev, const void *request, size_t length,
                int64_t deadline_us, unsigned flags,
                struct vgpu_stub_outcome *outcome);

#endif /* VGPU_STUB_HANDLE_H */
