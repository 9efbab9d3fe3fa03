/*
 * stress: many threads of one process use a device as hard as they can
 *
 * Each request carries data that no other has, and is counted when it begins
 * and when it ends. To be run as root in a guest while the device's mediator
 * comes and goes. Prints what the requests ended as; fails if one ended as
 * what is not documented, with wrong data, or twice.
 *
 * Usage: stress BDF THREADS SECONDS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vgpu-stub.h"

#define WORDS (VGPU_STUB_ECHO_MAX / 4)
#define JOBS 4                  /* that a thread has at a time */

struct echo {
    struct vgpu_stub_request header;
    uint32_t words[WORDS];
};

static struct vgpu_stub *dev;
static atomic_uint serial, begun, ended, wrong, undocumented, twice;
static atomic_uint counts[256]; /* by error code, 0 for success */
static atomic_uint timeouts, cancelled;
static time_t end_time;

static void make_echo(struct echo *echo, uint32_t words)
{
    uint32_t number = atomic_fetch_add(&serial, 1);

    echo->header = (struct vgpu_stub_request) {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(echo->header),
        .data_length = words * 4,
    };
    for (uint32_t i = 0; i < words; i++) {
        echo->words[i] = number * 2654435761u + i;
    }
}

static size_t size_of(const struct echo *echo)
{
    return sizeof(echo->header) + echo->header.data_length;
}

static void check_end(const struct echo *echo, int rc,
                      const struct vgpu_stub_outcome *outcome)
{
    struct vgpu_stub_reply reply;

    atomic_fetch_add(&ended, 1);
    switch (rc) {
    case 0:
        counts[0]++;
        if (vgpu_stub_parse(outcome, &reply) < 0 ||
            reply.data_length != echo->header.data_length ||
            memcmp(reply.data, echo->words, reply.data_length) != 0) {
            wrong++;
        }
        break;
    case -EREMOTEIO:
        counts[outcome->error_code & 0xff]++;
        /* All that can happen to an echo whose mediator is killed */
        if (outcome->error_code != VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE) {
            undocumented++;
        }
        break;
    case -ETIMEDOUT:
        timeouts++;
        break;
    case -ECANCELED:
        cancelled++;
        break;
    default:
        printf("# a request ended as %d\n", rc);
        undocumented++;
    }
}

static void call(struct echo *echo, int timeout_ms)
{
    struct vgpu_stub_outcome outcome;

    begun++;
    check_end(echo, vgpu_stub_call(dev, echo, size_of(echo), timeout_ms,
                                   &outcome), &outcome);
}

/* Several at a time; one of them may be cancelled on its way. */
static void submit_some(struct echo echoes[JOBS], bool cancel, unsigned flags)
{
    struct vgpu_stub_job *jobs[JOBS];
    struct vgpu_stub_outcome outcome;
    int rc;

    for (int i = 0; i < JOBS; i++) {
        make_echo(&echoes[i], WORDS);
        begun++;
        rc = vgpu_stub_submit(dev, &echoes[i], size_of(&echoes[i]), -1, flags,
                              &jobs[i]);
        if (rc < 0) {
            errx(EXIT_FAILURE, "submit: %s", strerror(-rc));
        }
    }
    if (cancel) {
        vgpu_stub_cancel(jobs[1]);
    }
    for (int i = 0; i < JOBS; i++) {
        rc = vgpu_stub_wait(jobs[i], -1, &outcome);
        check_end(&echoes[i], rc, &outcome);
        twice += vgpu_stub_wait(jobs[i], 0, NULL) != rc;
        if (flags && !cancel && rc != 0) {
            printf("# an idempotent request ended as %d\n", rc);
            undocumented++;
        }
        vgpu_stub_job_free(jobs[i]);
    }
}

static void *work(void *opaque)
{
    struct echo *echoes = calloc(JOBS, sizeof(*echoes));
    unsigned seed = (uintptr_t)opaque;

    while (echoes && time(NULL) < end_time) {
        make_echo(&echoes[0], rand_r(&seed) % (WORDS + 1));
        switch (rand_r(&seed) % 8) {
        case 0:
            submit_some(echoes, false, VGPU_STUB_IDEMPOTENT);
            break;
        case 1:
            submit_some(echoes, true, 0);
            break;
        case 2:
            call(&echoes[0], rand_r(&seed) % 3);
            break;
        default:
            call(&echoes[0], -1);
        }
    }
    free(echoes);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int count, rc;

    if (argc != 4 || (count = atoi(argv[2])) < 1 || count > 64) {
        errx(EXIT_FAILURE, "usage: stress BDF THREADS SECONDS");
    }
    rc = vgpu_stub_open(argv[1], &dev);
    if (rc < 0) {
        errx(EXIT_FAILURE, "%s: %s", argv[1], strerror(-rc));
    }
    end_time = time(NULL) + atoi(argv[3]);
    for (int i = 0; i < count; i++) {
        pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)(i + 1));
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    vgpu_stub_close(dev);

    printf("stress %s: begun %u ended %u NONE %u MEDIATOR_UNAVAILABLE %u "
           "timeouts %u cancelled %u wrong %u undocumented %u twice %u\n",
           argv[1], begun, ended, counts[0],
           counts[VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE], timeouts, cancelled,
           wrong, undocumented, twice);
    return begun == ended && wrong + undocumented + twice == 0
           ? EXIT_SUCCESS : EXIT_FAILURE;
}
