/*
 * libvgpu-stub: waiting for a device without wearing it, or the CPU, out
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_WAITER_H
#define VGPU_STUB_WAITER_H

#include <stdbool.h>
#include <stdint.h>

#include "interrupt.h"
#include "limit.h"

/* How a device is waited for */
struct waiter {
    struct interrupt interrupt;
    int wake;                   /* an eventfd: somebody set a stop */
    int64_t usual_us;           /* how long waits have taken lately */
    int64_t access_us;          /* what a look costs */
};

/* One wait */
struct wait {
    int64_t begin_us;
    int64_t look_until_us;      /* from then on sleep between the looks */
    int64_t sleep_us;           /* the next sleep, without interrupts */
    int64_t sleep_max_us;
    bool armed;                 /* the interrupt is on its way */
};

/* Make it one that waiter_close() accepts. */
void waiter_init(struct waiter *waiter);

/* Errors: those of eventfd(). */
int waiter_open(struct waiter *waiter, const char *bdf, int64_t access_us);

void waiter_close(struct waiter *waiter);

/* Whether it waits by interrupt. */
bool waiter_has_interrupt(const struct waiter *waiter);

/*
 * The caller looks at STATUS, and while that is BUSY, calls waiter_wait() for
 * the time between two looks; it returns 0, or the limit's error.
 *
 * Where there are interrupts, INTERRUPT_CTRL and INTERRUPT_STATUS in @bar have
 * to be 0 when the request begins.
 */
void waiter_begin(struct waiter *waiter, struct wait *wait);
int waiter_wait(struct waiter *waiter, struct wait *wait,
                volatile uint32_t *bar, struct limit *limit);
void waiter_end(struct waiter *waiter, const struct wait *wait);

/* Wait for @us, or for the limit; returns 0 or the limit's error. */
int waiter_pause(struct waiter *waiter, int64_t us, struct limit *limit);

/* End the sleep of the thread that waits. For any thread. */
void waiter_wake(struct waiter *waiter);

#endif /* VGPU_STUB_WAITER_H */
