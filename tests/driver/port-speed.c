/*
 * port-speed: how many messages of 1 KiB a second go to a peer and back
 *
 * Through a port of virtio-serial, DEPTH of them in flight, each written by
 * itself, as messages are; what has come back is read together. Prints, as
 * words: rate MESSAGES/S, p50 MICROSECONDS between the reads, which is the
 * round trip where DEPTH is 1.
 *
 * Usage: port-speed PORT DEPTH MILLISECONDS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <err.h>
#include <poll.h>

#include "calls.h"

#define SIZE 1024
#define DEPTH_MAX 64
#define ROUNDS_MAX (1 << 20)

static float durations[ROUNDS_MAX];     /* us */
static uint8_t message[SIZE], back[DEPTH_MAX * SIZE];
static int fd;

static int compare(const void *a, const void *b)
{
    const float *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

/*
 * Send what is left of @bytes, message by message and without waiting: a write
 * that waits ends when the peer has it. Returns how many were sent.
 */
static size_t send_messages(size_t bytes)
{
    static size_t begun;                /* bytes of a message */
    size_t sent = 0;

    while (sent < bytes) {
        ssize_t n = write(fd, message + begun, SIZE - begun);

        if (n <= 0) {
            if (errno != EAGAIN) {
                err(EXIT_FAILURE, "write");
            }
            break;
        }
        begun = (begun + n) % SIZE;
        sent += n;
    }
    return sent;
}

/* Waits; returns how many bytes came back: those of @wanted or less. */
static size_t receive(size_t wanted)
{
    struct pollfd in = { .fd = fd, .events = POLLIN };
    ssize_t n;

    while ((n = read(fd, back, wanted)) < 0 && errno == EAGAIN) {
        poll(&in, 1, -1);
    }
    if (n <= 0) {
        err(EXIT_FAILURE, "read");
    }
    for (ssize_t i = 0; i < n; i++) {
        if (back[i] != message[0]) {
            errx(EXIT_FAILURE, "other data came back");
        }
    }
    return n;
}

static void measure(size_t depth, int64_t duration_ns)
{
    int64_t begin = now_ns(), now = begin, since = begin;
    size_t in_flight = 0, rounds = 0;
    uint64_t received = 0;

    while (now < begin + duration_ns && rounds < ROUNDS_MAX) {
        size_t n;

        in_flight += send_messages((depth * SIZE - in_flight) / SIZE * SIZE);
        n = receive(in_flight);
        in_flight -= n;
        received += n;
        now = now_ns();
        durations[rounds++] = (now - since) / 1e3;
        since = now;
    }
    while (in_flight > 0) {
        in_flight -= receive(in_flight);
    }
    qsort(durations, rounds, sizeof(*durations), compare);
    printf("rate %.1f p50 %.1f\n", received / SIZE / ((now - begin) / 1e9),
           durations[rounds / 2]);
}

int main(int argc, char **argv)
{
    int depth = argc == 4 ? atoi(argv[2]) : 0;

    if (depth < 1 || depth > DEPTH_MAX) {
        errx(EXIT_FAILURE, "usage: port-speed PORT DEPTH MILLISECONDS");
    }
    fd = open(argv[1], O_RDWR | O_NONBLOCK);
    if (fd < 0) {
        err(EXIT_FAILURE, "%s", argv[1]);
    }
    memset(message, 'm', sizeof(message));
    measure(depth, atoll(argv[3]) * 1000000);
    return EXIT_SUCCESS;
}
