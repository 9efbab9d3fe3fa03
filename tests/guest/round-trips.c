/*
 * round-trips: how long 1 KiB takes to a peer and back
 *
 * Prints the median and the 99th percentile in µs, round trips in a second,
 * and the CPU time of the process in percent, as words: NAME VALUE…
 *
 * Usage: round-trips device COUNT         the first vgpu-stub device
 *        round-trips slow COUNT           the same, answered after 20 ms
 *        round-trips port COUNT PATH      a virtio-serial port
 *        round-trips socketpair COUNT     a process at the other end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vgpu-stub.h"

#define SIZE VGPU_STUB_BUF_SIZE
#define HEADER sizeof(struct vgpu_stub_request)
#define WARM_UP 200
#define DELAYED_OPCODE 0x1000
#define DELAY_MS 20

static struct vgpu_stub *dev;
static int fd;

static void round_trip_device(uint32_t words[SIZE / 4])
{
    struct vgpu_stub_outcome outcome;
    int rc = vgpu_stub_call(dev, words, SIZE, -1, &outcome);

    if (rc < 0) {
        errx(EXIT_FAILURE, "%s", strerror(-rc));
    }
    /* A mediator's response has a header of its own */
    if (outcome.length != SIZE ||
        memcmp(outcome.data + HEADER, words + HEADER / 4, SIZE - HEADER) != 0) {
        errx(EXIT_FAILURE, "other data came back");
    }
}

/* Send or receive all of a message. */
static void transfer(ssize_t (*move)(int fd, void *data, size_t size),
                     void *data)
{
    for (ssize_t done = 0, n; done < SIZE; done += n) {
        n = move(fd, (char *)data + done, SIZE - done);
        if (n <= 0) {
            err(EXIT_FAILURE, "peer");
        }
    }
}

static ssize_t put(int to, void *data, size_t size)
{
    return write(to, data, size);
}

static void round_trip_stream(uint32_t words[SIZE / 4])
{
    uint32_t back[SIZE / 4];

    transfer(put, words);
    transfer(read, back);
    if (memcmp(back, words, SIZE) != 0) {
        errx(EXIT_FAILURE, "other data came back");
    }
}

static void open_device(void)
{
    int rc = vgpu_stub_open(NULL, &dev);

    if (rc < 0) {
        errx(EXIT_FAILURE, "no device: %s", strerror(-rc));
    }
}

static void open_socketpair(void)
{
    char bytes[SIZE];
    ssize_t n;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
        err(EXIT_FAILURE, "socketpair");
    }
    if (fork() == 0) {
        close(fds[0]);
        while ((n = read(fds[1], bytes, sizeof(bytes))) > 0 &&
               write(fds[1], bytes, n) == n) {
        }
        _exit(EXIT_SUCCESS);
    }
    close(fds[1]);
    fd = fds[0];
}

static double now_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    const double *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

static void measure(void (*round_trip)(uint32_t *words), uint32_t *words,
                    int count)
{
    double *us = calloc(count, sizeof(*us));
    double begin, end, cpu;

    if (!us) {
        err(EXIT_FAILURE, "memory");
    }
    begin = now_us(CLOCK_MONOTONIC);
    cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < count; i++) {
        us[i] = now_us(CLOCK_MONOTONIC);
        words[SIZE / 4 - 1] = i;
        round_trip(words);
        us[i] = now_us(CLOCK_MONOTONIC) - us[i];
    }
    end = now_us(CLOCK_MONOTONIC);
    cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    qsort(us, count, sizeof(*us), compare);
    printf("p50 %.1f p99 %.1f rate %.1f cpu %.3f\n", us[count / 2],
           us[count * 99 / 100], count / (end - begin) * 1e6,
           cpu / (end - begin) * 100);
    free(us);
}

int main(int argc, char **argv)
{
    const char *peer = argc > 2 ? argv[1] : "";
    int count = argc > 2 ? atoi(argv[2]) : 0;
    uint32_t words[SIZE / 4] = {
        VGPU_STUB_PROTOCOL_VERSION, VGPU_STUB_OP_ECHO, 0, 0,
        HEADER, SIZE - HEADER,
    };
    void (*round_trip)(uint32_t *words) = round_trip_device;

    if (strcmp(peer, "device") == 0) {
        open_device();
    } else if (strcmp(peer, "slow") == 0) {
        open_device();
        words[1] = DELAYED_OPCODE;
        words[8] = DELAY_MS;
    } else if (strcmp(peer, "port") == 0 && argc == 4) {
        fd = open(argv[3], O_RDWR);
        round_trip = round_trip_stream;
    } else if (strcmp(peer, "socketpair") == 0) {
        open_socketpair();
        round_trip = round_trip_stream;
    } else {
        count = 0;
    }
    if (count < 1 || fd < 0) {
        errx(EXIT_FAILURE, "usage: round-trips device|slow|port|socketpair "
             "COUNT [PATH]");
    }
    for (int i = 0; words[1] != DELAYED_OPCODE && i < WARM_UP; i++) {
        round_trip(words);
    }
    measure(round_trip, words, count);
    vgpu_stub_close(dev);
    return EXIT_SUCCESS;
}
