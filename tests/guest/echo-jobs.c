/*
 * echo-jobs: how many echoes of 1 KiB a second go through library and driver
 *
 * Each process keeps DEPTH jobs and submits anew what has ended as soon as half of
 * them have. Prints, for all processes together, as words: rate ECHOES/S and
 * calls CALLS/ECHO, of the driver and of poll().
 *
 * Usage: echo-jobs DEPTH MILLISECONDS [PROCESSES]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* syscall(), ppoll() */
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vgpu-stub.h"

#define DEPTH_MAX 64
#define PROCESSES_MAX 64
#define BEGIN_NS INT64_C(500000000)     /* until all processes are there */

struct report {
    double rate, calls;
};

static struct vgpu_stub *dev;
static struct {
    struct vgpu_stub_request header;
    uint8_t data[VGPU_STUB_ECHO_MAX];
} request;
static struct vgpu_stub_job *jobs[DEPTH_MAX];
static unsigned depth;
static int64_t duration_ns;
static atomic_ulong calls;

/* These are the library's, which is linked into this program. */

int ioctl(int fd, unsigned long command, ...)
{
    va_list args;
    void *argument;

    va_start(args, command);
    argument = va_arg(args, void *);
    va_end(args);
    atomic_fetch_add(&calls, 1);
    return syscall(SYS_ioctl, fd, command, argument);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
          const sigset_t *mask)
{
    struct timespec left = timeout ? *timeout : (struct timespec) { 0 };

    atomic_fetch_add(&calls, 1);
    return syscall(SYS_ppoll, fds, count, timeout ? &left : NULL, mask,
                   _NSIG / 8);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void submit(unsigned index)
{
    int rc = vgpu_stub_submit(dev, &request, sizeof(request), -1,
                              VGPU_STUB_MORE, &jobs[index]);

    if (rc < 0) {
        errx(EXIT_FAILURE, "submit: %s", strerror(-rc));
    }
}

static void take(unsigned index)
{
    struct vgpu_stub_outcome outcome;
    int rc = vgpu_stub_wait(jobs[index], -1, &outcome);

    if (rc < 0 || outcome.length != sizeof(request) ||
        memcmp(outcome.data + sizeof(request.header), request.data,
               sizeof(request.data)) != 0) {
        errx(EXIT_FAILURE, "other data came back, or %s", strerror(-rc));
    }
    vgpu_stub_job_free(jobs[index]);
}

/* Take the half of the jobs from @first on, the last of them first. */
static void turn(unsigned first, unsigned count)
{
    for (unsigned i = count; i > 0; i--) {
        take(first + i - 1);
    }
    for (unsigned i = 0; i < count; i++) {
        submit(first + i);
    }
}

/* From @begin on; what comes before it warms up. */
static struct report measure(int64_t begin)
{
    const unsigned half = (depth + 1) / 2;
    unsigned long done = 0, before = 0;
    int64_t now, first = 0;
    unsigned at = 0;
    int rc = vgpu_stub_open(NULL, &dev);

    if (rc < 0) {
        errx(EXIT_FAILURE, "open: %s", strerror(-rc));
    }
    for (unsigned i = 0; i < depth; i++) {
        submit(i);
    }
    while ((now = now_ns()) < begin + duration_ns || done == 0) {
        unsigned count = at + half <= depth ? half : depth - at;

        if (!first && now >= begin) {
            first = now;
            before = calls;
        }
        turn(at, count);
        at = (at + count) % depth;
        done += first ? count : 0;
    }
    vgpu_stub_close(dev);
    return (struct report) {
        done / ((now - first) / 1e9), (double)(calls - before) / done,
    };
}

static void begin_process(int to, int64_t begin)
{
    struct report report;

    if (fork() == 0) {
        report = measure(begin);
        exit(write(to, &report, sizeof(report)) == sizeof(report)
             ? EXIT_SUCCESS : EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    int processes = argc > 3 ? atoi(argv[3]) : 1;
    struct report report, sum = { 0 };
    int64_t begin = now_ns() + BEGIN_NS;
    int fds[2];

    depth = argc > 2 ? atoi(argv[1]) : 0;
    duration_ns = argc > 2 ? atoll(argv[2]) * 1000000 : 0;
    if (depth < 1 || depth > DEPTH_MAX || duration_ns < 1 || processes < 1 ||
        processes > PROCESSES_MAX || pipe(fds) < 0) {
        errx(EXIT_FAILURE, "usage: echo-jobs DEPTH MILLISECONDS [PROCESSES]");
    }
    request.header = (struct vgpu_stub_request) {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(request.header),
        .data_length = sizeof(request.data),
    };
    memset(request.data, 'e', sizeof(request.data));
    for (int i = 0; i < processes; i++) {
        begin_process(fds[1], begin);
    }
    close(fds[1]);
    for (int i = 0; i < processes; i++) {
        if (read(fds[0], &report, sizeof(report)) != sizeof(report)) {
            errx(EXIT_FAILURE, "a process failed");
        }
        sum.rate += report.rate;
        sum.calls += report.calls / processes;
    }
    while (wait(NULL) > 0) {
    }
    printf("rate %.1f calls %.4f\n", sum.rate, sum.calls);
    return EXIT_SUCCESS;
}
