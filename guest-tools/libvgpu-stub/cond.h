/*
 * libvgpu-stub: condition variables by the monotonic clock
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_COND_H
#define VGPU_STUB_COND_H

#include <pthread.h>

#include "clock.h"

static inline void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Until a signal, or @until_us of clock_us(), which may be CLOCK_NEVER */
static inline void cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                             int64_t until_us)
{
    struct timespec until;

    if (until_us == CLOCK_NEVER) {
        pthread_cond_wait(cond, lock);
    } else {
        until = clock_timespec(until_us);
        pthread_cond_timedwait(cond, lock, &until);
    }
}

#endif /* VGPU_STUB_COND_H */
