/*
 * interrupt-test: who is told by an interrupt that a request has ended
 *
 * The device interrupts only if somebody is asleep. One who is, is not left to
 * the driver's look each second. A request here is held for HOLD_MS, so that it
 * ends when everybody has gone to sleep. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/epoll.h>

#include "../guest/tap.h"
#include "calls.h"

#define OP_HOLD 0x1001          /* of queue_server.py */
#define HOLD_MS 50
#define ECHOES 100
#define ROUNDS 20
#define LOOK_NS 1000000000      /* how often the driver looks by itself */

static struct message held, echoed;
static int looker, polled;

/* Of this device so far, on all processors */
static unsigned long interrupts(void)
{
    FILE *file = fopen("/proc/interrupts", "r");
    char line[1024], *at;
    unsigned long sum = 0;

    if (!file) {
        perror("/proc/interrupts");
        exit(EXIT_FAILURE);
    }
    while (fgets(line, sizeof(line), file)) {
        if (!strstr(line, "vgpu-stub0")) {
            continue;
        }
        at = strchr(line, ':') + 1;
        for (char *end; ; at = end) {
            const unsigned long count = strtoul(at, &end, 10);

            if (end == at) {
                break;
            }
            sum += count;
        }
    }
    fclose(file);
    return sum;
}

static void hold(void)
{
    const uint32_t milliseconds = HOLD_MS;

    message_make(&held, OP_HOLD, &milliseconds, 1, NULL, 0, 1024);
}

static void echo(void)
{
    message_echo(&echoed, "abc", 3, 1024);
}

/* Submit @message and look until it has ended. Returns whether it was right. */
static bool look_for(int fd, struct message *message)
{
    int rc = submit_many(fd, &message->submission, 1);

    if (rc != 1) {
        return false;
    }
    do {
        rc = take_many(fd, &message->completion, 1, 1, -1);
    } while (rc == -EAGAIN);
    return rc == 1 && message->completion.status == 0;
}

/* Do ECHOES, looked for by @fd. Returns how many interrupts came meanwhile. */
static unsigned long interrupts_of_echoes(int fd)
{
    const unsigned long before = interrupts();

    for (int i = 0; i < ECHOES; i++) {
        if (!look_for(fd, &echoed)) {
            return ECHOES;
        }
    }
    return interrupts() - before;
}

/*
 * What interrupted before may go on to do so once, and contexts of files that
 * were closed until they have ended: hence half, in one of ROUNDS.
 */
static void test_one_who_looks(const char *when)
{
    unsigned long most = ECHOES;

    for (int i = 0; i < ROUNDS && most >= ECHOES / 2; i++) {
        most = interrupts_of_echoes(looker);
    }
    tap_ok(most < ECHOES / 2, "one who looks is not interrupted, %s", when);
}

static void test_waits(void)
{
    const int fd = device_open(0);
    int failed = 0;

    for (int i = 0; i < ECHOES; i++) {
        failed += message_do(fd, &echoed) != 0;
    }
    tap_equal(failed, 0, "waits for echoes, which may spin");
    close(fd);
}

/*
 * Do @round until there were interrupts in two rounds, of ROUNDS: in most, a
 * request may have ended before anybody slept, if the guest stood still. What
 * has armed the device before is used up first.
 */
static void test_interrupts(bool (*round)(int fd), int fd, const char *what)
{
    bool right = true;
    int with = 0;

    for (int i = 0; right && i < ROUNDS && with < 2; i++) {
        const unsigned long before = look_for(looker, &echoed) &&
                                     look_for(looker, &echoed)
                                     ? interrupts() : 0;

        right = round(fd);
        with += interrupts() != before;
    }
    tap_ok(right, "%s ends", what);
    tap_equal(with, 2, "%s ends by an interrupt", what);
}

static bool sleep_in_a_wait(int fd)
{
    return message_do(fd, &held) == 0;
}

/* Its request and its context end after it. */
static bool close_a_file(int fd)
{
    const int other = device_open(0);
    const bool right = submit_many(other, &held.submission, 1) == 1;

    (void)fd;
    close(other);
    usleep(2 * HOLD_MS * 1000);
    return right;
}

/* @epoll has asked once and does not ask again as long as nothing happens. */
static bool sleep_in_epoll(int epoll)
{
    struct epoll_event event;

    return submit_many(polled, &held.submission, 1) == 1 &&
           epoll_wait(epoll, &event, 1, -1) == 1 &&
           take_many(polled, &held.completion, 1, 1, -1) == 1;
}

static void test_epoll(void)
{
    const int epoll = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN };

    polled = device_open(O_NONBLOCK);
    tap_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, polled, &event), 0, "epoll_ctl");
    test_interrupts(sleep_in_epoll, epoll, "what an epoll set waits for");
    close(epoll);
    close(polled);
}

/*
 * Submit three times what may be in flight, and take nothing. Returns whether
 * that was done before the driver has looked by itself twice.
 */
static bool only_submit(void)
{
    const int fd = device_open(O_NONBLOCK);
    const int64_t begin = now_ns();
    int rc = 1;

    for (int count = 0; count < 3 * 64; count += rc == 1) {
        rc = submit_many(fd, &echoed.submission, 1);
        if (rc != 1 && rc != -EAGAIN) {
            break;
        }
    }
    close(fd);
    return rc == 1 && now_ns() - begin < LOOK_NS;
}

static void test_one_who_only_submits(void)
{
    bool right = false;

    for (int i = 0; i < ROUNDS && !right; i++) {
        right = only_submit();
    }
    tap_ok(right, "one who only submits has room when something has ended");
}

int main(void)
{
    const int fd = device_open(0);

    hold();
    echo();
    looker = device_open(O_NONBLOCK);
    test_one_who_looks("at first");
    test_waits();
    test_interrupts(sleep_in_a_wait, fd, "a wait that sleeps");
    test_interrupts(close_a_file, -1, "the context of a closed file");
    test_epoll();
    test_one_who_looks("after all others");
    test_one_who_only_submits();
    return tap_done();
}
