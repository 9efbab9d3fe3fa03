/*
 * libvgpu-stub: what ends a wait early
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_LIMIT_H
#define VGPU_STUB_LIMIT_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct limit {
    int64_t deadline_us;        /* of clock_us() */
    atomic_bool stop;           /* nobody wants it any more */
};

static inline void limit_init(struct limit *limit, int64_t deadline_us)
{
    limit->deadline_us = deadline_us;
    atomic_init(&limit->stop, false);
}

/* Returns 0, or -ECANCELED or -ETIMEDOUT when the limit is reached at @now. */
static inline int limit_check(const struct limit *limit, int64_t now)
{
    if (atomic_load(&limit->stop)) {
        return -ECANCELED;
    }
    return now >= limit->deadline_us ? -ETIMEDOUT : 0;
}

#endif /* VGPU_STUB_LIMIT_H */
