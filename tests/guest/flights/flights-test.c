/*
 * flights-test: the library's transport by the kernel's driver, with sanitizers
 *
 * To be run on any machine: the driver is that of fake-driver.c. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tap.h"
#include "fake-driver.h"
#include "transport.h"

#define ROOM 6
#define THREADS 4
#define ROUNDS 100
#define JOBS 20
#define BULK ((5 << 20) + 4097)     /* more pieces than are under way at once */
#define SOME_MS 2

int transport_open(const char *bdf, struct transport **transport)
{
    (void)bdf;
    return flights_open("0000:00:1e.0", transport);
}

static struct vgpu_stub *open_device(void)
{
    struct vgpu_stub *dev;

    if (vgpu_stub_open(NULL, &dev) < 0) {
        abort();
    }
    return dev;
}

/* --- One thread of many --- */

struct user {
    struct vgpu_stub *dev;
    unsigned seed;
    bool calm;                      /* nothing may fail */
    unsigned wrong;
};

/* A request has ended: is that what may be while everything goes wrong? */
static void judge(struct user *user, int rc,
                  const struct vgpu_stub_outcome *outcome)
{
    bool fair = rc == 0;

    if (!user->calm && rc == -EREMOTEIO) {
        fair = outcome->error_code == VGPU_STUB_ERR_CONTEXT_LOST ||
               outcome->error_code == VGPU_STUB_ERR_CANCELLED ||
               outcome->error_code == VGPU_STUB_ERR_QUEUE_FULL ||
               outcome->error_code == VGPU_STUB_ERR_OUT_OF_MEMORY ||
               outcome->error_code == VGPU_STUB_ERR_INVALID_HANDLE;
    } else if (!user->calm) {
        fair = rc == 0 || rc == -ENODEV || rc == -ETIMEDOUT ||
               rc == -ECANCELED;
    }
    if (!fair) {
        printf("# %d, code %#x\n", rc, rc == -EREMOTEIO ?
               outcome->error_code : 0);
        user->wrong++;
    }
}

static int some_time(struct user *user)
{
    return user->calm || rand_r(&user->seed) % 2 ? -1
           : (int)(rand_r(&user->seed) % SOME_MS);
}

static void echo(struct user *user)
{
    uint8_t data[VGPU_STUB_ECHO_MAX];
    const size_t length = rand_r(&user->seed) % sizeof(data);
    struct vgpu_stub_outcome outcome;

    memset(data, user->seed, length);
    judge(user, vgpu_stub_echo(user->dev, data, length, some_time(user),
                               &outcome), &outcome);
}

static void allocate(struct user *user)
{
    struct vgpu_stub_outcome outcome;
    uint64_t handle;
    int rc = vgpu_stub_mem_alloc(user->dev, 4096, &handle, some_time(user),
                                 &outcome);

    judge(user, rc, &outcome);
    if (rc == 0) {
        judge(user, vgpu_stub_mem_free(user->dev, handle, -1, &outcome),
              &outcome);
    }
}

static void copy(struct user *user)
{
    struct vgpu_stub_outcome outcome;
    uint8_t *data = malloc(BULK);
    int rc;

    memset(data, 1, BULK);
    judge(user, vgpu_stub_mem_write(user->dev, 1, 0, data, BULK,
                                    some_time(user), 0, &outcome), &outcome);
    rc = vgpu_stub_mem_read(user->dev, 1, 0, data, BULK, some_time(user),
                            VGPU_STUB_ORDER(user->seed), &outcome);
    judge(user, rc, &outcome);
    for (size_t i = 0; rc == 0 && i < BULK; i += 4096) {
        user->wrong += data[i] != i >> 20;
    }
    memset(data, 2, BULK);          /* nobody may be at it any more */
    free(data);
}

static void submit(struct user *user)
{
    static const struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(request),
    };
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub_job *jobs[JOBS];

    for (unsigned i = 0; i < JOBS; i++) {
        const unsigned flags = VGPU_STUB_ORDER(i % 3) |
            (rand_r(&user->seed) % 2 ? VGPU_STUB_MORE : 0) |
            (rand_r(&user->seed) % 2 ? VGPU_STUB_IDEMPOTENT : 0);

        if (vgpu_stub_submit(user->dev, &request, sizeof(request),
                             some_time(user), flags, &jobs[i]) < 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < JOBS; i++) {
        if (!user->calm && rand_r(&user->seed) % 4 == 0) {
            vgpu_stub_cancel(jobs[i]);
        }
        if (user->calm || rand_r(&user->seed) % 2) {
            judge(user, vgpu_stub_wait(jobs[i], -1, &outcome), &outcome);
        }
        vgpu_stub_job_free(jobs[i]);
    }
}

static void get_much(struct user *user)
{
    static const struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_LIST_KERNELS,
        .data_offset = sizeof(request),
    };
    struct vgpu_stub_answer answer = { .struct_size = sizeof(answer) };
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub_reply reply;
    struct vgpu_stub_job *job;
    int rc;

    if (vgpu_stub_submit(user->dev, &request, sizeof(request),
                         some_time(user), VGPU_STUB_LARGE |
                         VGPU_STUB_IDEMPOTENT, &job) < 0) {
        abort();
    }
    rc = vgpu_stub_wait_answer(job, -1, &answer);
    if (rc == 0) {
        user->wrong += vgpu_stub_parse_answer(&answer, &reply) < 0 ||
                       reply.data_length + sizeof(struct vgpu_stub_response) !=
                       VGPU_STUB_QUEUE_RESPONSE_MAX ||
                       reply.data[0] != 0x5a ||
                       reply.data[reply.data_length - 1] != 0x5a ||
                       vgpu_stub_wait(job, -1, &outcome) != -EMSGSIZE;
    } else {
        vgpu_stub_wait(job, -1, &outcome);
        judge(user, rc, &outcome);
    }
    vgpu_stub_job_free(job);
}

/* What nobody looks for is seen by its descriptor. */
static void poll_jobs(struct user *user)
{
    static const struct vgpu_stub_request request = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(request),
    };
    struct pollfd notice = { .fd = vgpu_stub_fd(user->dev), .events = POLLIN };
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub_job *job;
    int rc;

    if (vgpu_stub_submit(user->dev, &request, sizeof(request), -1,
                         VGPU_STUB_MORE, &job) < 0) {
        abort();
    }
    while ((rc = vgpu_stub_wait(job, 0, &outcome)) == -EAGAIN) {
        poll(&notice, 1, -1);
    }
    judge(user, rc, &outcome);
    vgpu_stub_job_free(job);
}

static void *use(void *opaque)
{
    void (*const ways[])(struct user *) = {
        echo, echo, allocate, submit, copy, get_much, poll_jobs,
    };
    struct user *user = opaque;

    for (unsigned i = 0; i < ROUNDS; i++) {
        ways[rand_r(&user->seed) % (user->calm ? 6 : 7)](user);
    }
    return NULL;
}

/* --- What happens to them --- */

static atomic_bool troubled;

static void *make_trouble(void *opaque)
{
    unsigned seed = 1;

    while (atomic_load(&troubled)) {
        switch (rand_r(&seed) % 4) {
        case 0:
            fake_remove(true);
            usleep(rand_r(&seed) % 1000);
            fake_remove(false);
            break;
        case 1:
            fake_refuse(true);
            fake_lose();
            usleep(rand_r(&seed) % 1000);
            fake_refuse(false);
            break;
        default:
            fake_lose();
        }
        usleep(rand_r(&seed) % 5000);
    }
    return opaque;
}

static unsigned use_by_many(struct vgpu_stub *dev, bool calm)
{
    struct user users[THREADS];
    pthread_t threads[THREADS];
    unsigned wrong = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        users[i] = (struct user) { .dev = dev, .seed = i, .calm = calm };
        pthread_create(&threads[i], NULL, use, &users[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        wrong += users[i].wrong;
    }
    return wrong;
}

static void test_calm(void)
{
    struct vgpu_stub *dev = open_device();

    tap_equal(use_by_many(dev, true), 0, "many threads, and nothing fails");
    tap_equal(fake_memory(), 0, "all memory is free");
    vgpu_stub_close(dev);
    tap_equal(fake_files(), 0, "no file is left");
}

static void test_trouble(void)
{
    struct vgpu_stub *dev = open_device();
    pthread_t trouble;

    atomic_store(&troubled, true);
    pthread_create(&trouble, NULL, make_trouble, NULL);
    tap_equal(use_by_many(dev, false), 0,
              "contexts are lost, devices removed: all ends, and honestly");
    atomic_store(&troubled, false);
    pthread_join(trouble, NULL);
    vgpu_stub_echo(dev, "", 0, -1, NULL);   /* it is told of the last loss */
    tap_equal(vgpu_stub_echo(dev, "", 0, -1, NULL), 0, "then it goes on");
    vgpu_stub_close(dev);
    tap_equal(fake_files(), 0, "no file is left, with trouble");
}

static void test_late_allocation(void)
{
    struct vgpu_stub *dev = open_device();
    uint64_t handle;

    fake_hold(VGPU_STUB_OP_MEMORY_ALLOC);
    tap_equal(vgpu_stub_mem_alloc(dev, 4096, &handle, SOME_MS, NULL),
              -ETIMEDOUT, "memory that does not come");
    fake_hold(VGPU_STUB_OP_MEMORY_FREE);
    tap_equal(vgpu_stub_mem_alloc(dev, 1, &handle, -1, NULL), 0, "some more");
    fake_hold(-1);
    tap_equal(vgpu_stub_mem_free(dev, handle, -1, NULL), 0, "that is freed");
    while (fake_memory() > 0) {
        vgpu_stub_echo(dev, "", 0, -1, NULL);
    }
    tap_ok(true, "what came late is free, too");
    vgpu_stub_close(dev);
}

static void *wait_long(void *opaque)
{
    return (void *)(intptr_t)vgpu_stub_echo(opaque, "", 0, -1, NULL);
}

/* Requests that are to be sent with others, while a thread waits for long */
static void test_unsent(void)
{
    static const struct vgpu_stub_request synchronize = {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_SYNCHRONIZE,
        .data_offset = sizeof(synchronize),
    };
    struct vgpu_stub *dev = open_device();
    struct pollfd notice = { .fd = vgpu_stub_fd(dev), .events = POLLIN };
    static uint8_t data[BULK];
    struct vgpu_stub_job *held, *other;
    pthread_t thread;

    fake_hold(VGPU_STUB_OP_ECHO);
    pthread_create(&thread, NULL, wait_long, dev);
    fake_wait_for(1);
    usleep(50000);                  /* it sleeps for as long as it takes */
    tap_equal(vgpu_stub_mem_write(dev, 1, 0, data, sizeof(data), -1,
                                  VGPU_STUB_ORDER(1), NULL), 0,
              "a copy goes on beside a call that takes long");
    fake_hold(-1);
    pthread_join(thread, NULL);

    fake_hold(VGPU_STUB_OP_SYNCHRONIZE);
    vgpu_stub_submit(dev, &synchronize, sizeof(synchronize), -1, 0, &held);
    fake_wait_for(1);
    usleep(50000);                  /* so does the library's thread */
    vgpu_stub_submit(dev, &(struct vgpu_stub_request) {
        .version = VGPU_STUB_PROTOCOL_VERSION,
        .opcode = VGPU_STUB_OP_ECHO,
        .data_offset = sizeof(struct vgpu_stub_request),
    }, sizeof(struct vgpu_stub_request), -1,
                     VGPU_STUB_MORE | VGPU_STUB_ORDER(1), &other);
    poll(&notice, 1, -1);
    tap_equal(vgpu_stub_wait(other, 0, NULL), 0,
              "and a job that nobody waits for");
    fake_hold(-1);
    vgpu_stub_job_free(other);
    vgpu_stub_job_free(held);
    vgpu_stub_close(dev);
}

static void test_close(void)
{
    struct vgpu_stub *dev = open_device();
    pthread_t threads[THREADS];
    unsigned cancelled = 0;

    fake_hold(VGPU_STUB_OP_ECHO);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, wait_long, dev);
    }
    fake_wait_for(THREADS);
    vgpu_stub_close(dev);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;

        pthread_join(threads[i], &result);
        cancelled += (intptr_t)result == -ECANCELED;
    }
    fake_hold(-1);
    tap_equal(cancelled, THREADS, "a close ends the calls of other threads");
    tap_equal(fake_files(), 0, "and closes the file");
}

static volatile sig_atomic_t rang;

static void ring(int signal)
{
    rang = signal;
}

static bool has_rung(void *opaque)
{
    (void)opaque;
    return rang;
}

static void *ring_later(void *opaque)
{
    fake_wait_for(1);
    pthread_kill(*(pthread_t *)opaque, SIGUSR1);
    return NULL;
}

static void test_stop(void)
{
    const struct sigaction action = { .sa_handler = ring };
    struct vgpu_stub *dev = open_device();
    pthread_t self = pthread_self(), other;

    sigaction(SIGUSR1, &action, NULL);
    vgpu_stub_set_stop(dev, has_rung, NULL);
    fake_hold(VGPU_STUB_OP_ECHO);
    pthread_create(&other, NULL, ring_later, &self);
    tap_equal(vgpu_stub_echo(dev, "", 0, -1, NULL), -EINTR,
              "a signal stops a call");
    pthread_join(other, NULL);
    fake_hold(-1);
    vgpu_stub_close(dev);
}

static void test_fork(void)
{
    struct vgpu_stub *dev = open_device();
    int status = -1;
    pid_t child;

    vgpu_stub_echo(dev, "", 0, -1, NULL);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        int rc = vgpu_stub_echo(dev, "", 0, -1, NULL);

        vgpu_stub_close(dev);
        _exit(rc != -ECANCELED);
    }
    waitpid(child, &status, 0);
    tap_equal(status, 0, "a child can close its parent's device, no more");
    tap_equal(vgpu_stub_echo(dev, "", 0, -1, NULL), 0, "which goes on");
    vgpu_stub_close(dev);
}

int main(void)
{
    alarm(100);                     /* instead of hanging */
    fake_start(ROOM);
    test_calm();
    test_late_allocation();
    test_unsent();
    test_close();
    test_stop();
    test_fork();
    test_trouble();
    return tap_done();
}
