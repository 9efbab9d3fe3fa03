/*
 * states-test: what a program sees when it cancels, when there is no room, when
 * the link is lost and when the device goes. Prints TAP.
 *
 * To be run as root. Expects a mediator that knows HOLD and DROP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <poll.h>
#include <sys/mman.h>

#include "../guest/tap.h"
#include "calls.h"

#define HOLD 0x1001         /* answered after as many ms as its param says */
#define DROP 0x1002         /* the link ends */
#define LONG_MS 60000
#define MANY 100            /* more than a file may have in flight */

static struct message message;
static struct vgpu_stub_io_completion completions[MANY];
static struct vgpu_stub_io_submission held[MANY];
static uint32_t delay = LONG_MS;
static int fd;

static void write_to(const char *path)
{
    int file = open(path, O_WRONLY);

    if (file < 0 || write(file, "1", 1) != 1) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    close(file);
}

static short events(int of, short wanted)
{
    struct pollfd poll_fd = { .fd = of, .events = wanted };

    poll(&poll_fd, 1, 0);
    return poll_fd.revents;
}

/* Requests that stay, each of an order of its own */
static void make_held(unsigned count)
{
    message_make(&message, HOLD, &delay, 1, NULL, 0, 1024);
    for (unsigned i = 0; i < count; i++) {
        held[i] = message.submission;
        held[i].user_data = i;
        held[i].order = i;
    }
}

static int cancel(uint64_t user_data)
{
    struct vgpu_stub_io_submission submission = {
        .request = user_data, .flags = VGPU_STUB_IO_CANCEL,
    };

    return submit_many(fd, &submission, 1);
}

static void test_cancel(void)
{
    make_held(2);
    tap_equal(submit_many(fd, held, 2), 2, "two requests are held");
    tap_equal(cancel(7), 1, "a cancel of nothing is taken");
    tap_equal(cancel(1), 1, "one is cancelled");
    tap_equal(take_many(fd, completions, 1, 2, -1), 1, "it ends");
    tap_equal(completions[0].user_data, 1, "that one");
    tap_equal(completions[0].status, VGPU_STUB_ERR_CANCELLED, "as CANCELLED");
    tap_equal(cancel(0), 1, "the other one too");
    tap_equal(take_many(fd, completions, 1, 2, -1), 1, "and it ends");
}

static void test_room(void)
{
    int other = device_open(0), many = device_open(O_NONBLOCK), taken;

    make_held(MANY);
    taken = submit_many(many, held, MANY);
    tap_equal(taken, 64, "a file has a quarter of the ring");
    tap_equal(submit_many(many, held, 1), -EAGAIN, "then there is no room");
    tap_equal(events(many, POLLIN | POLLOUT), 0, "as poll says");
    message_echo(&message, "on", 2, 1024);
    tap_equal(message_do(other, &message), 0, "another file is not hindered");
    close(many);
    tap_equal(message_do(other, &message), 0, "nor by its end");
    close(other);
}

static void test_waits(void)
{
    make_held(20);
    for (int i = 0; i < 20; i++) {
        held[i].flags = VGPU_STUB_IO_WAITS;
    }
    tap_equal(submit_many(fd, held, 20), VGPU_STUB_QUEUE_WAITS_MAX,
              "so many may wait");
    message_echo(&message, "on", 2, 1024);
    tap_equal(submit_many(fd, &message.submission, 1), 1,
              "which hinders no other request");
    tap_equal(take_many(fd, completions, 1, 1, -1), 1, "and it ends first");
    close(fd);
    fd = device_open(0);
}

/* Open it until a request is answered. */
static void open_anew(void)
{
    do {
        close(fd);
        usleep(10000);
        fd = device_open(0);
        message_echo(&message, "on", 2, 1024);
    } while (message_do(fd, &message) != 0);
}

static void test_link_loss(void)
{
    make_held(1);
    submit_many(fd, held, 1);
    message_make(&message, DROP, NULL, 0, NULL, 0, 1024);
    message.submission.order = 1;
    submit_many(fd, &message.submission, 1);
    tap_equal(take_many(fd, completions, 2, 2, -1), 2,
              "link lost: all that was in flight ends");
    tap_equal(completions[0].status, VGPU_STUB_ERR_CONTEXT_LOST,
              "as CONTEXT_LOST");
    tap_equal(message_do(fd, &message), -ESTALE, "then the file is of no use");
    tap_equal(take_many(fd, completions, 0, 1, -1), -ESTALE,
              "also to wait with");
    tap_equal(events(fd, POLLIN | POLLOUT), POLLERR, "as poll says");
    open_anew();
    tap_ok(true, "another one is");
}

static void test_removal(void)
{
    make_held(3);
    submit_many(fd, held, 3);
    write_to("/sys/bus/pci/devices/0000:00:1e.0/remove");
    tap_equal(events(fd, POLLIN), POLLIN | POLLERR | POLLHUP,
              "device removed: poll says so");
    tap_equal(take_many(fd, completions, 3, 3, -1), 3, "all ends");
    tap_equal(completions[2].status, VGPU_STUB_ERR_CANCELLED, "as CANCELLED");
    tap_equal(take_many(fd, completions, 1, 3, -1), -ENODEV, "nothing follows");
    message_echo(&message, "on", 2, 1024);
    tap_equal(message_do(fd, &message), -ENODEV, "nor goes in");
    write_to("/sys/bus/pci/rescan");
    open_anew();
    tap_ok(true, "it comes back under the same name");
}

int main(void)
{
    fd = device_open(0);
    test_cancel();
    test_room();
    test_waits();
    test_link_loss();
    test_removal();
    return tap_done();
}
