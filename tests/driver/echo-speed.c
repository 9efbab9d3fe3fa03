/*
 * echo-speed: how many echoes of 1 KiB a second go through the driver
 *
 * Each process keeps DEPTH of them in flight and submits anew what has ended as
 * soon as half of them have. Prints, for all processes together, as words:
 * rate ECHOES/S, p50 MICROSECONDS of a call, calls CALLS/ECHO, and total, the
 * count of all echoes, with those that warm up.
 *
 * Usage: echo-speed DEPTH MILLISECONDS [PROCESSES]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/wait.h>

#include "calls.h"

#define DEPTH_MAX 64
#define PROCESSES_MAX 64
#define SIZE 1024
#define DATA (SIZE - sizeof(struct vgpu_stub_request))
#define CALLS_MAX (1 << 20)
#define BEGIN_NS INT64_C(500000000)     /* until all processes are there */

struct report {
    double rate, p50, calls, total;
};

static struct message messages[DEPTH_MAX];
static struct vgpu_stub_io_submission submissions[DEPTH_MAX];
static float durations[CALLS_MAX];      /* us */
static unsigned depth;
static int64_t duration_ns;

static void fail(const char *what)
{
    fprintf(stderr, "echo-speed: %s\n", what);
    exit(EXIT_FAILURE);
}

static void prepare(void)
{
    uint8_t data[DATA];

    for (unsigned i = 0; i < depth; i++) {
        memset(data, i, sizeof(data));
        message_echo(&messages[i], data, sizeof(data), SIZE);
        messages[i].submission.order = i;
        submissions[i] = messages[i].submission;
    }
}

static void check(const struct vgpu_stub_io_completion *completion,
                  const struct message *message)
{
    if (completion->status || completion->response_length != SIZE ||
        memcmp(message_data(message), message->request + SIZE - DATA,
               DATA) != 0) {
        fail("other data came back");
    }
}

/*
 * Submit the first @count submissions and take what has ended, which are the
 * next submissions then. Returns their count; *@ended is how many have ended.
 */
static unsigned turn(int fd, unsigned count, unsigned *ended)
{
    struct vgpu_stub_io_completion completions[DEPTH_MAX];
    struct vgpu_stub_io_enter enter = {
        .size = sizeof(enter),
        .submissions = address(submissions),
        .completions = address(completions),
        .deadline_ns = -1,
        .submit_count = count,
        .complete_max = depth,
        .complete_min = (depth + 1) / 2,
    };

    if (call(fd, VGPU_STUB_IO_ENTER, &enter) < 0) {
        fail("ENTER failed");
    }
    count -= enter.submit_count;
    memmove(submissions, submissions + enter.submit_count,
            count * sizeof(*submissions));
    for (unsigned i = 0; i < enter.complete_count; i++) {
        struct message *message = (void *)(uintptr_t)completions[i].user_data;

        check(&completions[i], message);
        submissions[count++] = message->submission;
    }
    *ended = enter.complete_count;
    return count;
}

static int compare(const void *a, const void *b)
{
    const float *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

/* From @begin on; what comes before it warms up. */
static struct report measure(int64_t begin)
{
    int fd = device_open(0);
    unsigned count = depth, ended;
    unsigned long done = 0, calls = 0, total = 0;
    int64_t now = now_ns(), first = 0, since;

    prepare();
    while (now < begin + duration_ns || done == 0) {
        since = now;
        count = turn(fd, count, &ended);
        now = now_ns();
        total += ended;
        if (since >= begin && calls < CALLS_MAX) {
            first = first ?: since;
            durations[calls++] = (now - since) / 1e3;
            done += ended;
        }
    }
    close(fd);
    qsort(durations, calls, sizeof(*durations), compare);
    return (struct report) {
        done / ((now - first) / 1e9), durations[calls / 2],
        (double)calls / done, total,
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
        processes > PROCESSES_MAX) {
        fail("usage: echo-speed DEPTH MILLISECONDS [PROCESSES]");
    }
    if (pipe(fds) < 0) {
        fail("no pipe");
    }
    for (int i = 0; i < processes; i++) {
        begin_process(fds[1], begin);
    }
    close(fds[1]);
    for (int i = 0; i < processes; i++) {
        if (read(fds[0], &report, sizeof(report)) != sizeof(report)) {
            fail("a process failed");
        }
        sum.rate += report.rate;
        sum.p50 += report.p50 / processes;
        sum.calls += report.calls / processes;
        sum.total += report.total;
    }
    while (wait(NULL) > 0) {
    }
    printf("rate %.1f p50 %.1f calls %.4f total %.0f\n", sum.rate, sum.p50,
           sum.calls, sum.total);
    return EXIT_SUCCESS;
}
