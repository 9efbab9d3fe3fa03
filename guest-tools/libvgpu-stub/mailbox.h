/*
 * libvgpu-stub: one request through a device's registers
 *
 * For one thread at a time, except where it says otherwise.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_MAILBOX_H
#define VGPU_STUB_MAILBOX_H

#include "bar.h"
#include "vgpu-stub.h"
#include "waiter.h"

struct mailbox {
    struct bar bar;
    struct waiter waiter;
    uint32_t id;            /* the tag of the last request */
    bool begun;             /* there was one */
    bool settled;           /* no request runs, no outcome waits */
};

/* Then its @bar is to be mapped and its @waiter opened. */
void mailbox_init(struct mailbox *mailbox);

/*
 * Read the whole map to the image; this collects an outcome that waits.
 * Errors: -ENODEV there is no device any more.
 */
int mailbox_read_all(struct mailbox *mailbox);

/* See device_execute(). */
int mailbox_execute(struct mailbox *mailbox, const void *request,
                    size_t length, struct limit *limit,
                    struct vgpu_stub_outcome *outcome);

#endif /* VGPU_STUB_MAILBOX_H */
