/*
 * sst-ping-pong CPU CPU COUNT
 *
 * Two processes, each on its processor, send each other messages of the sizes
 * of sst-device's over a socket: the least that a bridge between QEMU and a
 * simulator has to do. Prints how many seconds that many of them took.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sst-mmio-wire.h"

#define REQUEST_SIZE sizeof(struct sst_mmio_guide_request)
#define ANSWER_SIZE  sizeof(struct sst_mmio_guide_response)

static void die(const char *what)
{
    fprintf(stderr, "sst-ping-pong: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void stay_on(const char *cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(atoi(cpu), &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0) {
        die("sched_setaffinity");
    }
}

/* Messages this small are not split. */
static void answer(int fd)
{
    char request[REQUEST_SIZE];
    char reply[ANSWER_SIZE] = { 0 };

    while (recv(fd, request, sizeof(request), 0) > 0) {
        if (send(fd, reply, sizeof(reply), 0) < 0) {
            die("send");
        }
    }
}

static void ask(int fd)
{
    char request[REQUEST_SIZE] = { 0 };
    char reply[ANSWER_SIZE];

    if (send(fd, request, sizeof(request), 0) < 0 ||
        recv(fd, reply, sizeof(reply), 0) <= 0) {
        die("the other process");
    }
}

int main(int argc, char **argv)
{
    int fds[2];
    long count;
    double begin;
    pid_t child;

    if (argc != 4) {
        fprintf(stderr, "usage: sst-ping-pong CPU CPU COUNT\n");
        return 2;
    }
    count = atol(argv[3]);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
        die("socketpair");
    }
    child = fork();
    if (child < 0) {
        die("fork");
    }
    if (child == 0) {
        close(fds[0]);
        stay_on(argv[2]);
        answer(fds[1]);
        _exit(EXIT_SUCCESS);
    }
    close(fds[1]);
    stay_on(argv[1]);
    ask(fds[0]); /* the other one is there */
    begin = now();
    for (long i = 0; i < count; i++) {
        ask(fds[0]);
    }
    printf("%f\n", now() - begin);
    close(fds[0]);
    waitpid(child, NULL, 0);
    return EXIT_SUCCESS;
}
