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
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

/* How often a program is asked whether a call is to go on */
#define LIMIT_ASK_US 100000

struct limit {
    int64_t deadline_us;        /* of clock_us() */
    int64_t ask_us;             /* when to ask next; CLOCK_NEVER: do not */
    atomic_bool stop;           /* nobody wants it any more */
    bool (*interrupted)(void *opaque);
    void *opaque;
};

static inline void limit_init(struct limit *limit, int64_t deadline_us)
{
    limit->deadline_us = deadline_us;
    limit->ask_us = CLOCK_NEVER;
    limit->interrupted = NULL;
    atomic_init(&limit->stop, false);
}

/* Have @interrupted asked, unless it is NULL. */
static inline void limit_ask(struct limit *limit,
                             bool (*interrupted)(void *opaque), void *opaque)
{
    limit->interrupted = interrupted;
    limit->opaque = opaque;
    limit->ask_us = interrupted ? clock_us() + LIMIT_ASK_US : CLOCK_NEVER;
}

/* Until when a sleep may last */
static inline int64_t limit_next(const struct limit *limit)
{
    return limit->ask_us < limit->deadline_us ? limit->ask_us
                                              : limit->deadline_us;
}

/* A signal has ended a sleep: ask at once. */
static inline void limit_signal(struct limit *limit)
{
    if (limit->interrupted) {
        limit->ask_us = 0;
    }
}

/*
 * Returns 0, or -ECANCELED, -EINTR or -ETIMEDOUT when the limit is reached at
 * @now.
 */
static inline int limit_check(struct limit *limit, int64_t now)
{
    if (atomic_load(&limit->stop)) {
        return -ECANCELED;
    }
    if (now >= limit->ask_us) {
        if (limit->interrupted(limit->opaque)) {
            return -EINTR;
        }
        limit->ask_us = now + LIMIT_ASK_US;
    }
    return now >= limit->deadline_us ? -ETIMEDOUT : 0;
}

#endif /* VGPU_STUB_LIMIT_H */
