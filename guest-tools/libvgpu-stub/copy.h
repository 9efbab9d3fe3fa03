/*
 * libvgpu-stub: copies to the accelerator's memory, from it and within it
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_COPY_H
#define VGPU_STUB_COPY_H

#include "opened.h"

/* A copy of any length, in as many requests as that takes */
struct copy {
    uint32_t direction;         /* VGPU_STUB_COPY_… */
    uint64_t handle, offset;
    uint64_t source, source_offset;     /* within the accelerator's memory */
    uint8_t *data;              /* the program's, to it or from it */
    uint64_t length;            /* bytes; how many are copied, from the ... */
    uint64_t done;              /* ... first on */
    int64_t deadline_us;
    unsigned flags;             /* of each request */
};

/*
 * Write the request that copies @length bytes from @at on to @buffer, with the
 * data unless @data is NULL; returns its length.
 */
size_t copy_encode(const struct copy *copy, uint64_t at, uint32_t length,
                   const void *data, uint8_t buffer[VGPU_STUB_BUF_SIZE]);

/* Take the response apart. Errors: -EBADMSG it is none of a copy. */
int copy_check_reply(const struct vgpu_stub_outcome *outcome,
                     struct vgpu_stub_reply *reply);

/*
 * Copy beside the requests, within a call; @copy has how much was copied, also
 * in an error. When it returns, the program's memory is its own again.
 */
int copy_bulk(struct vgpu_stub *dev, struct copy *copy,
              struct vgpu_stub_outcome *outcome);

#endif /* VGPU_STUB_COPY_H */
