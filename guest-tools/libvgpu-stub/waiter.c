/*
 * libvgpu-stub: waiting for a device without wearing it, or the CPU, out
 *
 * A look at the device costs an exit; a sleep costs the time that it
 * overshoots. So the device is looked at for about as long as its answers have
 * taken lately, and when this one takes longer, the thread sleeps: until the
 * interrupt, or else for longer and longer times. Where a single look takes as
 * long as other devices' answers, it sleeps at once.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE             /* ppoll() */
#include "waiter.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "vgpu-stub-regs.h"

/*
 * For how long to look without a sleep, and the time between two looks: a
 * device model that is asked all the time has less of it for the answer
 */
#define LOOK_MIN_US 20
#define LOOK_MAX_US 400
#define LOOK_PAUSE_US 10

/* Sleeps without interrupts */
#define SLEEP_MIN_US 50
#define SLEEP_MAX_US 1000

/*
 * An access that takes longer than this is dear (on Xen, some 85 us): so many
 * times as long is the shortest sleep between two looks
 */
#define DEAR_ACCESS_US 20
#define SLEEP_ACCESSES 4

/* A sleep for an interrupt: it might get lost */
#define SLEEP_INTERRUPT_US 1000000

void waiter_init(struct waiter *waiter)
{
    waiter->interrupt = INTERRUPT_NONE;
    waiter->wake = -1;
    waiter->usual_us = 0;
    waiter->access_us = 0;
}

int waiter_open(struct waiter *waiter, const char *bdf, int64_t access_us)
{
    waiter->access_us = access_us;
    waiter->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (waiter->wake < 0) {
        return -errno;
    }
    interrupt_open(&waiter->interrupt, bdf);
    return 0;
}

void waiter_close(struct waiter *waiter)
{
    interrupt_close(&waiter->interrupt);
    if (waiter->wake >= 0) {
        close(waiter->wake);
    }
}

bool waiter_has_interrupt(const struct waiter *waiter)
{
    return waiter->interrupt.uio >= 0;
}

void waiter_wake(struct waiter *waiter)
{
    eventfd_write(waiter->wake, 1);
}

/* Sleep for @us, but not beyond the limit, an interrupt or a call. */
static void sleep_us(struct waiter *waiter, int64_t us, int64_t now,
                     struct limit *limit)
{
    struct pollfd fds[] = {
        { .fd = waiter->wake, .events = POLLIN },
        { .fd = waiter->interrupt.uio, .events = POLLIN },
    };
    struct timespec timeout;
    eventfd_t count;

    if (us > limit_next(limit) - now) {
        us = limit_next(limit) - now;
    }
    timeout = clock_timespec(us > 0 ? us : 0);
    if (ppoll(fds, 2, &timeout, NULL) <= 0) {
        if (errno == EINTR) {
            limit_signal(limit);
        }
        return;
    }
    if (fds[0].revents) {
        eventfd_read(waiter->wake, &count);
    }
    if (fds[1].revents && !interrupt_clear(&waiter->interrupt)) {
        /* The driver was unbound: from now on look now and then */
        interrupt_close(&waiter->interrupt);
    }
}

/*
 * For how long to look without a sleep. A wait with sleeps takes up to twice
 * as long as the device, so a long one is not proof that looking does not pay.
 */
static int64_t look_us(const struct waiter *waiter)
{
    int64_t us = 2 * waiter->usual_us;

    if (us < LOOK_MIN_US || us > 4 * LOOK_MAX_US) {
        return LOOK_MIN_US;
    }
    return us < LOOK_MAX_US ? us : LOOK_MAX_US;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void waiter_begin(struct waiter *waiter, struct wait *wait)
{
    const bool dear = waiter->access_us > DEAR_ACCESS_US;

    wait->begin_us = clock_us();
    wait->look_until_us = wait->begin_us + (dear ? 0 : look_us(waiter));
    wait->sleep_us = max(SLEEP_MIN_US, SLEEP_ACCESSES * waiter->access_us);
    wait->sleep_max_us = max(SLEEP_MAX_US, wait->sleep_us);
    wait->armed = false;
}

void waiter_end(struct waiter *waiter, const struct wait *wait)
{
    int64_t us = clock_us() - wait->begin_us;

    waiter->usual_us += (us - waiter->usual_us) / 4;
}

/* Have the core's other thread go first, where the processor knows that. */
static void pause_cpu(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

int waiter_wait(struct waiter *waiter, struct wait *wait,
                volatile uint32_t *bar, struct limit *limit)
{
    int64_t now = clock_us();
    int rc = limit_check(limit, now);

    if (rc < 0) {
        return rc;
    }
    if (now < wait->look_until_us) {
        while (clock_us() < now + LOOK_PAUSE_US) {
            pause_cpu();
        }
    } else if (!waiter_has_interrupt(waiter)) {
        sleep_us(waiter, wait->sleep_us, now, limit);
        wait->sleep_us *= 2;
        if (wait->sleep_us > wait->sleep_max_us) {
            wait->sleep_us = wait->sleep_max_us;
        }
    } else if (!wait->armed) {
        /* A request that has ended before this interrupts at this */
        interrupt_unmask(&waiter->interrupt);
        bar[VGPU_STUB_REG_INTERRUPT_CTRL / 4] = VGPU_STUB_INTERRUPT_COMPLETION;
        wait->armed = true;
    } else {
        sleep_us(waiter, SLEEP_INTERRUPT_US, now, limit);
        if (!waiter_has_interrupt(waiter)) {
            bar[VGPU_STUB_REG_INTERRUPT_CTRL / 4] = 0;  /* for nobody */
        }
    }
    return 0;
}

int waiter_pause(struct waiter *waiter, int64_t us, struct limit *limit)
{
    const int64_t end = clock_us() + us;
    int64_t now;
    int rc;

    while ((now = clock_us()) < end) {
        rc = limit_check(limit, now);
        if (rc < 0) {
            return rc;
        }
        sleep_us(waiter, end - now, now, limit);
    }
    return limit_check(limit, now);
}
