/*
 * waiter-test: how the library waits, by a clock of the test's own
 *
 * Needs neither a device nor a guest. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <poll.h>
#include <time.h>

#include "tap.h"

#define ANSWER_US 5000          /* when the answer comes, and its interrupt */

static int64_t now_us, asleep_us;

static int fake_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    now_us++;                   /* whoever looks at it is waiting for it */
    *now = (struct timespec) { now_us / 1000000, now_us % 1000000 * 1000 };
    return 0;
}

static int fake_ppoll(struct pollfd *fds, nfds_t count,
                      const struct timespec *timeout, const sigset_t *mask)
{
    int64_t us = timeout->tv_sec * 1000000 + timeout->tv_nsec / 1000;
    bool interrupt = count > 1 && fds[1].fd >= 0 && now_us + us >= ANSWER_US;

    (void)mask;
    if (interrupt) {
        us = ANSWER_US > now_us ? ANSWER_US - now_us : 0;
    }
    now_us += us;
    asleep_us += us;
    fds[0].revents = 0;
    fds[1].revents = interrupt ? POLLIN : 0;
    return interrupt;
}

#define clock_gettime fake_clock_gettime
#define ppoll fake_ppoll
#include "waiter.c"

void interrupt_open(struct interrupt *interrupt, const char *bdf)
{
    *interrupt = bdf ? (struct interrupt) { .uio = 99 } : INTERRUPT_NONE;
}

void interrupt_close(struct interrupt *interrupt)
{
    *interrupt = INTERRUPT_NONE;
}

void interrupt_unmask(const struct interrupt *interrupt)
{
    (void)interrupt;
}

bool interrupt_clear(const struct interrupt *interrupt)
{
    (void)interrupt;
    return true;
}

/* Wait for the answer; returns how often that took a look. */
static int count_looks(int64_t access_us, const char *bdf)
{
    volatile uint32_t bar[VGPU_STUB_REQUEST_BUF / 4] = { 0 };
    struct waiter waiter;
    struct limit limit;
    struct wait wait;
    int looks = 0, rc = 0;

    now_us = asleep_us = 0;
    limit_init(&limit, CLOCK_NEVER);
    waiter_init(&waiter);
    waiter_open(&waiter, bdf, access_us);
    waiter_begin(&waiter, &wait);
    for (;;) {
        looks++;
        now_us += access_us;
        if (now_us >= ANSWER_US || rc < 0) {
            break;
        }
        rc = waiter_wait(&waiter, &wait, bar, &limit);
    }
    waiter_end(&waiter, &wait);
    waiter_close(&waiter);
    return looks;
}

int main(void)
{
    tap_ok(count_looks(1, NULL) > 5, "a cheap device is looked at often");
    tap_ok(count_looks(85, NULL) < 15 && asleep_us > ANSWER_US / 2,
           "a dear one seldom, with more sleep than looks");
    tap_equal(count_looks(85, "with interrupts"), 3,
              "with interrupts: before, after they are on, when one has come");
    return tap_done();
}
