/*
 * libvgpu-stub: time, in microseconds of the monotonic clock
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_CLOCK_H
#define VGPU_STUB_CLOCK_H

#include <stdint.h>
#include <time.h>

/* A deadline that never comes */
#define CLOCK_NEVER INT64_MAX

static inline int64_t clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static inline struct timespec clock_timespec(int64_t us)
{
    return (struct timespec) {
        .tv_sec = us / 1000000,
        .tv_nsec = us % 1000000 * 1000,
    };
}

/* When a timeout that begins now ends; a negative one never does. */
static inline int64_t clock_deadline(int timeout_ms)
{
    return timeout_ms < 0 ? CLOCK_NEVER
                          : clock_us() + timeout_ms * INT64_C(1000);
}

#endif /* VGPU_STUB_CLOCK_H */
