/*
 * opened-test: what programs do to an open device, and to one another
 *
 * To be run as root in a guest whose first device has the mediator of
 * scripted_mediator.py. Prints TAP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "script.h"
#include "raw-bar.h"
#include "tap.h"

#define REQUESTS 20
#define THREADS 4

/* Structures of programs that were compiled with another header */
static void test_structure_sizes(struct vgpu_stub *dev)
{
    struct {
        struct vgpu_stub_info info;
        uint64_t later;
    } larger = { .info = { .struct_size = sizeof(larger) }, .later = 7 };
    struct {
        struct vgpu_stub_kernel kernel;
        uint64_t later;
    } kernel = {
        .kernel = { .struct_size = sizeof(kernel), .name = "k",
                    .dimensions = 1, .global_size = { 1, 1, 1 } },
    };

    tap_equal(vgpu_stub_get_info(dev, &larger.info), 0, "a larger structure");
    tap_ok(larger.later == 0, "gets 0 where this version has nothing");
    larger.info.struct_size = 0;
    tap_equal(vgpu_stub_get_info(dev, &larger.info), -EINVAL,
              "one without its size is refused");
    tap_equal(vgpu_stub_launch(dev, &kernel.kernel, -1, 0, NULL), 0,
              "a larger structure of zeros is taken");
    kernel.later = 1;
    tap_equal(vgpu_stub_launch(dev, &kernel.kernel, -1, 0, NULL), -EINVAL,
              "what this version does not know is refused");
    tap_ok(strcmp(vgpu_stub_version(), VGPU_STUB_LIBRARY_VERSION) == 0,
           "the library has the header's version");
}

static void *call_again_and_again(void *opaque)
{
    for (;;) {
        script_call(opaque, script_request(100, 0, SCRIPT_NONE), -1, NULL);
        pthread_testcancel();
    }
    return NULL;
}

static void test_thread_cancellation(struct vgpu_stub *dev)
{
    pthread_t threads[THREADS];
    void *result;
    int cancelled = 0;

    for (int i = 0; i < THREADS; i++) {     /* one in a call, others wait */
        pthread_create(&threads[i], NULL, call_again_and_again, dev);
    }
    usleep(50000);
    for (int i = 0; i < THREADS; i++) {
        pthread_cancel(threads[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &result);
        cancelled += result == PTHREAD_CANCELED;
    }
    tap_equal(cancelled, THREADS, "threads that call can be cancelled");
    tap_ok(script_requests(dev) > 0, "and the device is as good as before");
}

static volatile sig_atomic_t alarmed;

static void alarm_rings(int signal)
{
    alarmed = signal;
}

/* The alarm is for who has been asked twice. */
static bool is_alarmed(void *opaque)
{
    int *asked = opaque;

    if (++*asked == 2) {
        alarm(1);
    }
    return alarmed;
}

static void test_stop(struct vgpu_stub *dev)
{
    const struct sigaction action = { .sa_handler = alarm_rings };
    static uint8_t data[64 << 20];
    struct vgpu_stub_job *before;
    uint64_t handle = 0;
    int asked = 0;

    sigaction(SIGALRM, &action, NULL);
    vgpu_stub_set_stop(dev, is_alarmed, &asked);
    tap_equal(script_call(dev, script_request(SCRIPT_FOREVER_MS, 0, SCRIPT_NONE), -1,
                          NULL), -EINTR, "a signal ends a call");
    tap_ok(asked > 2, "that was asked from time to time");
    before = script_delay(dev, SCRIPT_FOREVER_MS);
    tap_equal(script_call(dev, script_request(0, 0, SCRIPT_NONE), -1, NULL),
              -EINTR, "and one that waits for its turn");
    tap_equal(vgpu_stub_wait(before, 0, NULL), -EAGAIN,
              "but not what was submitted");
    vgpu_stub_job_free(before);
    alarmed = 0;
    vgpu_stub_mem_alloc(dev, sizeof(data), &handle, -1, NULL);
    alarm(1);
    tap_equal(vgpu_stub_mem_write(dev, handle, 0, data, sizeof(data), -1, 0,
                                  NULL), -EINTR, "and one of many requests");
    vgpu_stub_set_stop(dev, NULL, NULL);
    vgpu_stub_mem_free(dev, handle, -1, NULL);
    tap_ok(script_requests(dev) > 0, "a call that nobody asks for goes on");
    alarmed = 0;
}

/* What a child does with its parent's device; returns what was wrong */
static int use_inherited(struct vgpu_stub *dev, struct vgpu_stub_job *job)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    int wrong = 0;

    alarm(20);                  /* instead of hanging */
    wrong += vgpu_stub_get_info(dev, &info) != -ECANCELED;
    wrong += script_call(dev, script_request(0, 0, SCRIPT_NONE), -1, NULL) !=
             -ECANCELED;
    wrong += vgpu_stub_wait(job, -1, NULL) != -ECANCELED;
    vgpu_stub_cancel(job);
    vgpu_stub_job_free(job);
    vgpu_stub_close(dev);
    return wrong;
}

static void test_fork(struct vgpu_stub *dev)
{
    struct vgpu_stub_job *job = script_delay(dev, 500);
    struct vgpu_stub *other;
    int status;
    pid_t child = fork();

    if (child == 0) {
        _exit(use_inherited(dev, job));
    }
    waitpid(child, &status, 0);
    tap_equal(status, 0, "a child can close its parent's device, no more");
    tap_equal(vgpu_stub_open(NULL, &other), -EBUSY,
              "the device is still the parent's");
    tap_equal(vgpu_stub_wait(job, -1, NULL), 0, "and its job goes on");
    vgpu_stub_job_free(job);

    child = fork();
    if (child == 0) {
        pause();
    }
    vgpu_stub_close(dev);
    tap_equal(vgpu_stub_open(NULL, &other), 0,
              "what a parent has closed is free while its child lives");
    vgpu_stub_close(other);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* The one that opened it has ended, and has a child that has not. */
static void test_heir(void)
{
    struct vgpu_stub_state state = { .struct_size = sizeof(state) };
    int pipes[2];
    pid_t child, heir = 0;

    if (pipe(pipes) < 0) {
        err(EXIT_FAILURE, "pipe");
    }
    child = fork();
    if (child == 0) {
        script_open();
        heir = fork();
        if (heir == 0) {
            pause();
        }
        _exit(write(pipes[1], &heir, sizeof(heir)) != sizeof(heir));
    }
    if (read(pipes[0], &heir, sizeof(heir)) != sizeof(heir)) {
        heir = 0;
    }
    waitpid(child, NULL, 0);
    tap_equal(vgpu_stub_observe(NULL, &state), 0, "look at the device");
    tap_equal(state.user_pid, heir, "who has it is the child that is left");
    kill(heir, SIGKILL);
    while (vgpu_stub_observe(NULL, &state) == 0 && state.user_pid) {
        usleep(1000);
    }
}

static atomic_bool observing;

/* Acknowledges what outcomes it sees, as a look at registers can */
static void *observe_outcomes(void *opaque)
{
    volatile uint32_t *bar = opaque;

    while (atomic_load(&observing)) {
        (void)bar[VGPU_STUB_REG_STATUS / 4];
        (void)bar[VGPU_STUB_REG_ERROR_CODE / 4];
    }
    return NULL;
}

static void test_observed(struct vgpu_stub *dev, volatile uint32_t *bar)
{
    struct vgpu_stub_outcome outcome;
    pthread_t observer;
    int right = 0;

    atomic_store(&observing, true);
    pthread_create(&observer, NULL, observe_outcomes, (void *)bar);
    for (int i = 0; i < REQUESTS; i++) {
        int rc = script_call(dev, script_request(
            1, VGPU_STUB_ERR_BUILD_FAILED, SCRIPT_NONE), -1, &outcome);

        right += rc == -EREMOTEIO &&
                 outcome.error_code == VGPU_STUB_ERR_BUILD_FAILED;
    }
    atomic_store(&observing, false);
    pthread_join(observer, NULL);
    tap_equal(right, REQUESTS, "an outcome that another acknowledges is taken");
}

/* What a program does that goes around the library, and around its lock */
static void intrude(volatile uint32_t *bar)
{
    const struct script_request request = script_request(SCRIPT_FOREVER_MS, 0,
                                                         SCRIPT_NONE);
    uint32_t words[sizeof(request) / 4];

    memcpy(words, &request, sizeof(request));
    bar[VGPU_STUB_REG_DOORBELL / 4] = VGPU_STUB_DOORBELL_ACK;
    for (size_t i = 0; i < sizeof(request) / 4; i++) {
        bar[VGPU_STUB_REQUEST_BUF / 4 + i] = words[i];
    }
    bar[VGPU_STUB_REG_REQUEST_ID / 4] ^= 0x5a5a5a5a;
    bar[VGPU_STUB_REG_REQUEST_LEN / 4] = sizeof(request);
    bar[VGPU_STUB_REG_DOORBELL / 4] = VGPU_STUB_DOORBELL_SUBMIT;
}

static void test_intruder(struct vgpu_stub *dev, volatile uint32_t *bar)
{
    struct vgpu_stub_job *job = script_delay(dev, SCRIPT_FOREVER_MS);
    struct vgpu_stub_outcome outcome;
    int rc;

    while (bar[VGPU_STUB_REG_STATUS / 4] != VGPU_STUB_STATUS_BUSY) {
        usleep(100);
    }
    intrude(bar);
    rc = vgpu_stub_wait(job, -1, &outcome);
    tap_ok(rc == -EBUSY || (rc == -EREMOTEIO && outcome.error_code ==
                            VGPU_STUB_ERR_CANCELLED),
           "another's answer is not taken for ours");
    vgpu_stub_job_free(job);
    tap_equal(script_call(dev, script_request(0, 0, SCRIPT_NONE), -1, NULL),
              -EBUSY, "its request is let alone");
    bar[VGPU_STUB_REG_DOORBELL / 4] = VGPU_STUB_DOORBELL_ACK;
    while (bar[VGPU_STUB_REG_STATUS / 4] == VGPU_STUB_STATUS_BUSY) {
        usleep(100);
    }
    tap_ok(script_requests(dev) > 0, "when it has ended ours go on");
}

int main(void)
{
    struct vgpu_stub *dev = script_open();
    char bdf[VGPU_STUB_BDF_SIZE];
    volatile uint32_t *bar;

    first_device(bdf);
    bar = map_raw_bar(bdf);
    test_structure_sizes(dev);
    test_thread_cancellation(dev);
    test_stop(dev);
    test_observed(dev, bar);
    test_intruder(dev, bar);
    test_fork(dev);
    test_heir();
    return tap_done();
}
