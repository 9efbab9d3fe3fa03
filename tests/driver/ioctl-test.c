/*
 * ioctl-test: what each call of the driver promises. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "../guest/tap.h"
#include "calls.h"

static struct message message;
static int fd;

static void test_info(void)
{
    struct vgpu_stub_io_info info = device_info(fd);
    struct { struct vgpu_stub_io_info info; uint32_t more; } larger = { 0 };

    tap_equal(info.pool, 'B', "INFO: pool");
    tap_equal(info.priority, VGPU_STUB_PRIORITY_HIGH, "INFO: priority");
    tap_equal(info.vm_id, 200, "INFO: vm_id");
    tap_equal(info.link & VGPU_STUB_LINK_UP, VGPU_STUB_LINK_UP, "INFO: link");
    tap_ok(strcmp(info.pci_address, "0000:00:1e.0") == 0, "INFO: address");
    info.size = sizeof(info) - 4;
    tap_equal(call(fd, VGPU_STUB_IO_INFO, &info), -EINVAL,
              "INFO: a structure that is too small");
    larger.info.size = sizeof(larger);
    tap_equal(call(fd, VGPU_STUB_IO_INFO, &larger), 0,
              "INFO: a larger structure, with zeros");
    larger.info.size = sizeof(larger);
    larger.more = 1;
    tap_equal(call(fd, VGPU_STUB_IO_INFO, &larger), -E2BIG,
              "INFO: a larger structure that says something unknown");
    tap_equal(call(fd, VGPU_STUB_IO_INFO, NULL), -EFAULT, "INFO: no address");
    tap_equal(call(fd, _IO(VGPU_STUB_IO_TYPE, 99), &info), -ENOTTY,
              "an unknown call");
}

static int enter_with(uint32_t flags, uint32_t count, uint32_t max,
                      uint32_t min)
{
    struct vgpu_stub_io_enter enter = {
        .size = sizeof(enter), .flags = flags, .submit_count = count,
        .complete_max = max, .complete_min = min,
    };

    return call(fd, VGPU_STUB_IO_ENTER, &enter);
}

static void test_enter(void)
{
    tap_equal(enter_with(1, 0, 0, 0), -EINVAL, "ENTER: an unknown flag");
    tap_equal(enter_with(0, 0, 1, 2), -EINVAL, "ENTER: min above max");
    tap_equal(enter_with(0, 1 << 30, 0, 0), -EINVAL, "ENTER: too many");
    tap_equal(enter_with(0, 1, 0, 0), -EFAULT, "ENTER: no submissions");
    tap_equal(enter_with(0, 0, 0, 0), 0, "ENTER: nothing to do");
    tap_equal(enter_with(0, 0, 1, 1), -EAGAIN,
              "ENTER: nothing comes until the deadline");
}

/* Change one thing of a good submission and see it refused. */
#define REFUSED(expected, change, name)                             \
    do {                                                            \
        message_echo(&message, "abc", 3, 1024);                     \
        change;                                                     \
        tap_equal(message_do(fd, &message), expected, name);        \
    } while (0)

static void test_submissions(void)
{
    struct vgpu_stub_io_submission *s = &message.submission;

    REFUSED(0, (void)0, "a good submission");
    REFUSED(-EINVAL, s->flags = 0x80000000, "an unknown flag");
    REFUSED(-EINVAL, s->reserved[1] = 1, "a reserved field");
    REFUSED(-EMSGSIZE, s->request_length = 0, "an empty request");
    REFUSED(-EMSGSIZE, s->request_length = 0x10001, "a request too long");
    REFUSED(-EMSGSIZE, s->response_capacity = 31, "no room for a header");
    REFUSED(-EMSGSIZE, s->response_capacity = 0x10001, "too much room");
    REFUSED(-EFAULT, s->request = 4096, "a request that is nowhere");
    REFUSED(-EINVAL, s->flags = VGPU_STUB_IO_BULK_TO_DEVICE,
            "a way, but no bulk");
    REFUSED(-EINVAL, s->bulk_length = 4096, "bulk, but no way");
    REFUSED(-EINVAL, s->bulk = 4096, "bulk without bytes");
    REFUSED(-EINVAL, s->flags = VGPU_STUB_IO_CANCEL, "a cancel with a request");
    REFUSED(0, s->response = 4096, "a response that is nowhere");
    tap_equal(message.completion.flags, VGPU_STUB_IO_COMPLETION_FAULT,
              "its completion says so");
    REFUSED(VGPU_STUB_ERR_INVALID_LENGTH, s->response_capacity = 32,
            "a response that does not fit");
    tap_equal(message.completion.response_length, 32,
              "its header is what there is");
}

static void test_the_first_wrong_one_ends_the_list(void)
{
    struct vgpu_stub_io_submission submissions[3];
    struct vgpu_stub_io_completion completions[3];

    message_echo(&message, "abc", 3, 1024);
    for (int i = 0; i < 3; i++) {
        submissions[i] = message.submission;
        submissions[i].user_data = i;
    }
    submissions[2].flags = 0x80000000;
    tap_equal(submit_many(fd, submissions, 3), 2,
              "what comes before a wrong one is submitted");
    tap_equal(take_many(fd, completions, 2, 3, -1), 2, "and ends");
    tap_ok(completions[0].user_data == 0 && completions[1].user_data == 1,
           "in the order of one order");
    submissions[0] = submissions[2];
    tap_equal(submit_many(fd, submissions, 3), -EINVAL,
              "the first one's error is returned");
}

static void test_poll(void)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };

    tap_equal(poll(&poll_fd, 1, 0), 1, "poll: there is room");
    tap_equal(poll_fd.revents, POLLOUT, "poll: nothing has ended");
    message_echo(&message, "abc", 3, 1024);
    tap_equal(submit_many(fd, &message.submission, 1), 1, "poll: submitted");
    poll_fd.events = POLLIN;
    tap_equal(poll(&poll_fd, 1, 30000), 1, "poll: it has ended");
    tap_equal(poll_fd.revents, POLLIN, "poll: without an error");
    tap_equal(take_many(fd, &message.completion, 1, 1, -1), 1, "poll: taken");
}

static void test_nonblock(void)
{
    int other = device_open(O_NONBLOCK);
    struct pollfd poll_fd = { .fd = other, .events = POLLIN };

    tap_equal(take_many(other, &message.completion, 1, 1, -1), -EAGAIN,
              "O_NONBLOCK: nothing is there");
    message_echo(&message, "abc", 3, 1024);
    tap_equal(submit_many(other, &message.submission, 1), 1,
              "O_NONBLOCK: submitted");
    poll(&poll_fd, 1, 30000);
    tap_equal(take_many(other, &message.completion, 1, 1, -1), 1,
              "O_NONBLOCK: taken");
    close(other);
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void test_signals(void)
{
    struct sigaction action = { .sa_handler = on_alarm };
    /* Again and again: the first may come before the wait */
    const struct itimerval each_second = { { 1, 0 }, { 1, 0 } };
    const struct itimerval never = { { 0, 0 }, { 0, 0 } };

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &each_second, NULL);
    tap_equal(take_many(fd, &message.completion, 1, 1, -1), -EINTR,
              "a signal ends a wait");
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    tap_equal(take_many(fd, &message.completion, 1, 1,
                        now_ns() + 2000000000), -EAGAIN,
              "or not, as the program likes; the deadline stays");
    setitimer(ITIMER_REAL, &never, NULL);
}

static void test_another_process(void)
{
    int status;
    pid_t child;

    message_echo(&message, "abc", 3, 1024);
    child = fork();
    if (child == 0) {
        struct vgpu_stub_io_info info = { .size = sizeof(info) };

        _exit(message_do(fd, &message) == -EPERM &&
              call(fd, VGPU_STUB_IO_INFO, &info) == 0 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    tap_equal(status, 0, "a child may ask, but not submit");
    tap_equal(message_do(fd, &message), 0, "the parent goes on");
}

static uint64_t buffer_create(uint64_t bytes, int *rc)
{
    struct vgpu_stub_io_buffer buffer = {
        .size = sizeof(buffer), .bytes = bytes,
    };

    *rc = call(fd, VGPU_STUB_IO_BUFFER_CREATE, &buffer);
    return buffer.offset;
}

static int buffer_destroy(uint64_t offset)
{
    struct vgpu_stub_io_buffer buffer = {
        .size = sizeof(buffer), .offset = offset,
    };

    return call(fd, VGPU_STUB_IO_BUFFER_DESTROY, &buffer);
}

static void test_buffers(void)
{
    int rc, zeros = 0;
    uint64_t offset, other;
    uint8_t *map;

    buffer_create(0, &rc);
    tap_equal(rc, -EINVAL, "a buffer of no bytes");
    buffer_create(VGPU_STUB_IO_BUFFER_BYTES_MAX + 1, &rc);
    tap_equal(rc, -EDQUOT, "a buffer that is too large");
    offset = buffer_create(1 << 20, &rc);
    tap_equal(rc, 0, "a buffer");
    other = buffer_create(VGPU_STUB_IO_BUFFER_BYTES_MAX, &rc);
    tap_equal(rc, -EDQUOT, "more than all may have");
    map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    tap_ok(map != MAP_FAILED, "mmap");
    for (int i = 0; map != MAP_FAILED && i < 1 << 20; i++) {
        zeros += map[i] == 0;
    }
    tap_equal(zeros, 1 << 20, "it is zeroed");
    tap_ok(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, fd, offset) ==
           MAP_FAILED, "no private mapping");
    tap_ok(mmap(NULL, 2 << 20, PROT_READ, MAP_SHARED, fd, offset) ==
           MAP_FAILED, "none that is larger");
    tap_equal(buffer_destroy(offset + 4096), -EINVAL, "no such buffer");
    tap_equal(buffer_destroy(offset), 0, "it is taken back");
    tap_equal(buffer_destroy(offset), -EINVAL, "once");
    map[4097] = 7;
    tap_equal(map[4097], 7, "the mapping stays");
    munmap(map, 1 << 20);
    other = buffer_create(5000, &rc);
    tap_ok(rc == 0 && other != 0, "another buffer");
    map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, other);
    tap_ok(map != MAP_FAILED, "of two pages");
}

static void *wait_for_one(void *opaque)
{
    static struct vgpu_stub_io_completion completion;

    *(int *)opaque = take_many(fd, &completion, 1, 1, -1);
    return NULL;
}

static void test_threads(void)
{
    pthread_t thread;
    int taken = 0;

    pthread_create(&thread, NULL, wait_for_one, &taken);
    message_echo(&message, "abc", 3, 1024);
    tap_equal(submit_many(fd, &message.submission, 1), 1,
              "one thread submits");
    pthread_join(thread, NULL);
    tap_equal(taken, 1, "another one waits and takes");
}

int main(void)
{
    fd = device_open(0);
    test_info();
    test_enter();
    test_submissions();
    test_the_first_wrong_one_ends_the_list();
    test_poll();
    test_nonblock();
    test_signals();
    test_another_process();
    test_buffers();
    test_threads();
    return tap_done();
}
