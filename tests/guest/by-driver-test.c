/*
 * by-driver-test: what the library promises to programs that use the driver
 *
 * To be run by an ordinary user, on the mediator of queue_server.py ("held") or
 * on a real one that executes ("executed"). Prints TAP.
 *
 * Usage: by-driver-test held|executed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "vgpu-stub.h"

/* Of queue_server.py */
#define OP_HOLD 0x1001
#define OP_DROP 0x1002

#define FOREVER_MS 60000        /* longer than any test */
#define JOBS 150                /* more than the driver has under way */
#define THREADS 8
#define CALLS 100
#define MIB (1 << 20)

struct short_request {
    struct vgpu_stub_request header;
    uint32_t param;
};

static struct vgpu_stub_outcome outcome;

static struct vgpu_stub *open_or_die(void)
{
    struct vgpu_stub *dev;
    int rc = vgpu_stub_open(NULL, &dev);

    if (rc < 0) {
        errx(EXIT_FAILURE, "cannot open: %s", strerror(-rc));
    }
    return dev;
}

static struct short_request make(uint32_t opcode, uint32_t param)
{
    return (struct short_request) {
        .header = {
            .version = VGPU_STUB_PROTOCOL_VERSION,
            .opcode = opcode,
            .param_count = 1,
            .data_offset = sizeof(struct short_request),
        },
        .param = param,
    };
}

static struct vgpu_stub_job *submit(struct vgpu_stub *dev, uint32_t opcode,
                                    uint32_t param, int timeout_ms,
                                    unsigned flags)
{
    const struct short_request request = make(opcode, param);
    struct vgpu_stub_job *job;
    int rc = vgpu_stub_submit(dev, &request, sizeof(request), timeout_ms,
                              flags, &job);

    if (rc < 0) {
        errx(EXIT_FAILURE, "cannot submit: %s", strerror(-rc));
    }
    return job;
}

static int call(struct vgpu_stub *dev, uint32_t opcode, uint32_t param,
                int timeout_ms)
{
    const struct short_request request = make(opcode, param);

    return vgpu_stub_call(dev, &request, sizeof(request), timeout_ms,
                          &outcome);
}

static int echo(struct vgpu_stub *dev)
{
    return vgpu_stub_echo(dev, "there and back", 14, -1, &outcome);
}

/* A job's result; it is freed. */
static int end(struct vgpu_stub_job *job, int timeout_ms)
{
    int rc = vgpu_stub_wait(job, timeout_ms, NULL);

    vgpu_stub_job_free(job);
    return rc;
}

static void test_info(struct vgpu_stub *dev)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct vgpu_stub_state state = { .struct_size = sizeof(state) };
    uint32_t map[VGPU_STUB_RESERVED / 4];
    struct vgpu_stub *other;

    tap_equal(vgpu_stub_get_info(dev, &info), 0, "what the device is");
    tap_ok(info.driver && info.queue && info.interrupts && info.link_up &&
           info.bulk_max == MIB, "it is used through the driver's queue");
    tap_equal(vgpu_stub_read_map(dev, map), 0, "its registers");
    tap_equal(map[VGPU_STUB_REG_VM_ID / 4], info.vm_id, "have the VM's id");
    tap_equal(vgpu_stub_observe(info.bdf, &state), 0, "look at it");
    tap_ok(state.driver && state.link_up && state.users == 1 &&
           state.user_pid == getpid(), "this process has it open");
    tap_equal(vgpu_stub_open(info.bdf, &other), 0, "it can be opened again");
    tap_equal(echo(other), 0, "and works");
    vgpu_stub_close(other);
}

static void test_many_jobs(struct vgpu_stub *dev)
{
    struct vgpu_stub_job *jobs[JOBS];
    int ended = 0;

    for (int i = 0; i < JOBS; i++) {
        jobs[i] = submit(dev, VGPU_STUB_OP_NOP, i,
                         -1, VGPU_STUB_ORDER(i % 3) |
                         (i % 10 ? VGPU_STUB_MORE : 0));
    }
    for (int i = 0; i < JOBS; i++) {
        /* A NOP has no params: that is an answer, too */
        ended += end(jobs[JOBS - 1 - i], -1) == -EREMOTEIO;
    }
    tap_equal(ended, JOBS, "more jobs than the driver has room for");
}

static void *call_often(void *opaque)
{
    long done = 0;

    for (int i = 0; i < CALLS; i++) {
        done += echo(opaque) == 0;
    }
    return (void *)done;
}

static void test_threads(struct vgpu_stub *dev)
{
    pthread_t threads[THREADS];
    long sum = 0;
    void *done;

    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, call_often, dev);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &done);
        sum += (long)done;
    }
    tap_equal(sum, THREADS * CALLS, "threads' calls, all at once");
}

/* Nobody waits: the library sees to the jobs. */
static void test_descriptor(struct vgpu_stub *dev)
{
    struct vgpu_stub_job *jobs[JOBS];
    struct pollfd fds = { .fd = vgpu_stub_fd(dev), .events = POLLIN };
    int ended = 0;

    tap_ok(fds.fd >= 0 && vgpu_stub_fd(dev) == fds.fd, "a descriptor");
    tap_equal(poll(&fds, 1, 0), 0, "is not readable without jobs");
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = submit(dev, VGPU_STUB_OP_NOP, 0, -1, VGPU_STUB_MORE);
    }
    while (ended < JOBS && poll(&fds, 1, FOREVER_MS) == 1) {
        while (ended < JOBS && vgpu_stub_wait(jobs[ended], 0, NULL) !=
               -EAGAIN) {
            vgpu_stub_job_free(jobs[ended++]);
        }
    }
    tap_equal(ended, JOBS, "it is, whenever jobs have ended");
    tap_equal(poll(&fds, 1, 0), 0, "and is not when that was seen");
}

static void fill(uint8_t *data, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++) {
        data[i] = (i * seed) >> 3;
    }
}

/* Of every length around what a request carries or moves */
static void test_copies(struct vgpu_stub *dev)
{
    static const size_t sizes[] = {
        1, 967, 968, 969, 992, 993, 4096, 100000, MIB - 1, MIB, MIB + 1,
        5 * MIB + 17, 20 * MIB,
    };
    uint8_t *data = malloc(20 * MIB + 1), *back = malloc(20 * MIB + 1);
    uint64_t handle = 0;
    int right = 0;

    tap_equal(vgpu_stub_mem_alloc(dev, 20 * MIB + 1, &handle, -1, &outcome),
              0, "memory");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fill(data, sizes[i] + 1, 2 * i + 3);
        memset(back, 0, sizes[i] + 1);
        right += vgpu_stub_mem_write(dev, handle, 1, data + 1, sizes[i], -1,
                                     0, &outcome) == 0 &&
                 vgpu_stub_mem_read(dev, handle, 1, back + 1, sizes[i], -1, 0,
                                    &outcome) == 0 &&
                 memcmp(data + 1, back + 1, sizes[i]) == 0;
    }
    tap_equal(right, sizeof(sizes) / sizeof(sizes[0]),
              "copies of any size, at any address");
    tap_equal(vgpu_stub_mem_free(dev, handle, -1, NULL), 0, "free it");
    free(data);
    free(back);
}

/* A copy that fails in its middle */
static void test_how_far(struct vgpu_stub *dev)
{
    uint8_t *data = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct vgpu_stub_copy copy = {
        .struct_size = sizeof(copy),
        .direction = VGPU_STUB_COPY_TO_DEVICE, .data = data,
        .length = 8 * MIB,
    };

    vgpu_stub_mem_alloc(dev, 3 * MIB + 5, &copy.handle, -1, NULL);
    tap_equal(vgpu_stub_transfer(dev, &copy, -1, 0, &outcome), -EREMOTEIO,
              "a copy beyond the end of its memory");
    tap_equal(copy.done, 3 * MIB, "says how far it got");
    tap_equal(outcome.error_code, VGPU_STUB_ERR_INVALID_REQUEST, "and why");
    copy.length = 3 * MIB;
    munmap(data + 2 * MIB, 6 * MIB);
    tap_equal(vgpu_stub_transfer(dev, &copy, -1, 0, &outcome), -EFAULT,
              "a copy from where there is no memory");
    tap_equal(copy.done, 2 * MIB, "says it, too");
    copy.direction = 3;
    tap_equal(vgpu_stub_transfer(dev, &copy, -1, 0, &outcome), -EINVAL,
              "an unknown direction");
    tap_equal(vgpu_stub_mem_free(dev, copy.handle, -1, NULL), 0,
              "all is well afterwards");
    munmap(data, 2 * MIB);
}

/* Allocations that may come too late, or not */
static void test_late_allocations(struct vgpu_stub *dev)
{
    struct vgpu_stub_accelerator accelerator = {
        .struct_size = sizeof(accelerator),
    };
    uint64_t handle;
    int right = 0;

    for (int i = 0; i < CALLS; i++) {
        int rc = vgpu_stub_mem_alloc(dev, MIB, &handle, i % 2, NULL);

        right += rc == -ETIMEDOUT ||
                 (rc == 0 && vgpu_stub_mem_free(dev, handle, -1, NULL) == 0);
    }
    tap_equal(right, CALLS, "allocations that are not waited for");
    do {
        if (vgpu_stub_get_accelerator(dev, &accelerator, -1, 0, NULL) < 0) {
            break;
        }
    } while (accelerator.memory_used > 0);
    tap_equal(accelerator.memory_used, 0, "do not lose their memory");
}

static int use_inherited(struct vgpu_stub *dev)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    int wrong = echo(dev) != -ECANCELED;

    wrong += vgpu_stub_get_info(dev, &info) != -ECANCELED;
    wrong += vgpu_stub_fd(dev) != -ECANCELED;
    vgpu_stub_close(dev);
    return wrong;
}

static void test_fork(struct vgpu_stub *dev)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        _exit(use_inherited(dev));
    }
    waitpid(child, &status, 0);
    tap_equal(status, 0, "a child can close its parent's device, no more");
    tap_equal(echo(dev), 0, "which goes on");
}

/* --- What is held by the mediator --- */

static void test_too_late(struct vgpu_stub *dev)
{
    struct vgpu_stub_job *job;

    tap_equal(call(dev, OP_HOLD, FOREVER_MS, 50), -ETIMEDOUT,
              "a call that is too late");
    tap_equal(echo(dev), 0, "holds up no other");
    job = submit(dev, OP_HOLD, FOREVER_MS, 50, 0);
    tap_equal(end(job, -1), -ETIMEDOUT, "a job that is too late");
    job = submit(dev, OP_HOLD, FOREVER_MS, -1, 0);
    tap_equal(vgpu_stub_wait(job, 20, NULL), -EAGAIN, "one that goes on");
    vgpu_stub_cancel(job);
    tap_equal(end(job, -1), -ECANCELED, "is cancelled");
}

static void *wait_forever(void *opaque)
{
    return (void *)(long)vgpu_stub_wait(opaque, -1, NULL);
}

/* By another thread, while one waits for it and sleeps */
static void test_cancel_from_elsewhere(struct vgpu_stub *dev)
{
    struct vgpu_stub_job *job = submit(dev, OP_HOLD, FOREVER_MS, -1, 0);
    pthread_t thread;
    void *result;

    pthread_create(&thread, NULL, wait_forever, job);
    usleep(50000);
    tap_equal(call(dev, OP_HOLD, 20, -1), 0, "a call beside one that waits");
    vgpu_stub_cancel(job);
    pthread_join(thread, &result);
    tap_equal((long)result, -ECANCELED, "a job is cancelled by another thread");
    vgpu_stub_job_free(job);
}

/* The deadline of a job that nobody looks for */
static void test_descriptor_in_time(struct vgpu_stub *dev)
{
    struct pollfd fds = { .fd = vgpu_stub_fd(dev), .events = POLLIN };
    struct vgpu_stub_job *job = submit(dev, OP_HOLD, FOREVER_MS, 100, 0);

    tap_equal(poll(&fds, 1, FOREVER_MS), 1, "the descriptor tells its time");
    tap_equal(end(job, 0), -ETIMEDOUT, "which is over");
}

static void test_close(void)
{
    struct vgpu_stub *dev = open_or_die();
    struct vgpu_stub_job *jobs[JOBS];
    pthread_t thread;
    void *result;
    int ended = 0;

    for (int i = 0; i < JOBS; i++) {
        jobs[i] = submit(dev, OP_HOLD, FOREVER_MS, -1, 0);
    }
    pthread_create(&thread, NULL, wait_forever, jobs[0]);
    usleep(50000);
    vgpu_stub_close(dev);
    pthread_join(thread, &result);
    tap_equal((long)result, -ECANCELED, "closing ends who waits");
    for (int i = 0; i < JOBS; i++) {
        ended += end(jobs[i], -1) == -ECANCELED;
    }
    tap_equal(ended, JOBS, "and all jobs");
}

/* The link ends, and with it the context. */
static void test_lost(struct vgpu_stub *dev)
{
    struct vgpu_stub_job *job;
    uint64_t handle;
    int rc;

    tap_equal(vgpu_stub_mem_alloc(dev, 4096, &handle, -1, NULL), 0, "memory");
    job = submit(dev, OP_HOLD, FOREVER_MS, -1, VGPU_STUB_ORDER(1));
    rc = call(dev, OP_DROP, 0, -1);
    tap_ok(rc == -EREMOTEIO &&
           outcome.error_code == VGPU_STUB_ERR_CONTEXT_LOST,
           "a request that is lost with its context");
    tap_equal(vgpu_stub_wait(job, -1, &outcome), -EREMOTEIO,
              "one that was given before");
    tap_equal(outcome.error_code, VGPU_STUB_ERR_CONTEXT_LOST, "is lost, too");
    vgpu_stub_job_free(job);
    do {
        rc = echo(dev);
    } while (rc == -EREMOTEIO &&
             outcome.error_code == VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
    tap_equal(rc, 0, "the next one has a new context");
    tap_equal(vgpu_stub_mem_free(dev, handle, -1, &outcome), -EREMOTEIO,
              "which has not the memory of the old one");
    tap_equal(outcome.error_code, VGPU_STUB_ERR_INVALID_HANDLE, "any more");
    tap_equal(vgpu_stub_mem_alloc(dev, 4096, &handle, -1, NULL), 0,
              "but has its own");
}

int main(int argc, char **argv)
{
    bool held = argc > 1 && strcmp(argv[1], "held") == 0;
    struct vgpu_stub *dev = open_or_die();

    alarm(120);                 /* instead of hanging */
    if (held) {
        test_too_late(dev);
        test_cancel_from_elsewhere(dev);
        test_descriptor_in_time(dev);
        test_close();
        test_lost(dev);
    } else {
        test_info(dev);
        test_threads(dev);
        test_many_jobs(dev);
        test_copies(dev);
        test_how_far(dev);
        test_late_allocations(dev);
        test_fork(dev);
        test_descriptor(dev);   /* from here on the thread pumps */
        test_threads(dev);
        test_many_jobs(dev);
    }
    vgpu_stub_close(dev);
    return tap_done();
}
