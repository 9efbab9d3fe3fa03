/*
 * queue-test: requests of many threads, in time, too late, not wanted any more
 *
 * To be run as root in a guest whose first device has the mediator of
 * scripted_mediator.py. Prints TAP.
 *
 * Usage: queue-test polling|interrupts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <pthread.h>
#include <unistd.h>

#include "script.h"
#include "tap.h"

#define JOBS 20
#define THREADS 4

static void test_waiting(struct vgpu_stub *dev, const char *how)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };

    tap_equal(vgpu_stub_get_info(dev, &info), 0, "the device's properties");
    tap_equal(info.interrupts, strcmp(how, "interrupts") == 0,
              "the library waits by %s", how);
}

static void test_order(struct vgpu_stub *dev)
{
    struct vgpu_stub_job *jobs[JOBS];
    struct vgpu_stub_outcome outcome;
    uint32_t before = script_requests(dev);
    int ok = 0;

    for (int i = 0; i < JOBS; i++) {
        jobs[i] = script_delay(dev, i % 3);
    }
    for (int i = JOBS - 1; i >= 0; i--) {       /* in any order */
        ok += vgpu_stub_wait(jobs[i], -1, &outcome) == 0 &&
              script_count(&outcome) == before + i + 1;
        vgpu_stub_job_free(jobs[i]);
    }
    tap_equal(ok, JOBS, "jobs are sent in the order they were submitted in");
}

struct shared {
    struct vgpu_stub_job *job;
    uint32_t count;
};

static void *wait_for_shared(void *opaque)
{
    struct shared *shared = opaque;
    struct vgpu_stub_outcome outcome;

    if (vgpu_stub_wait(shared->job, -1, &outcome) == 0) {
        shared->count = script_count(&outcome);
    }
    return NULL;
}

static void test_once(struct vgpu_stub *dev)
{
    struct vgpu_stub_job *job = script_delay(dev, 50);
    struct shared shared[THREADS];
    struct vgpu_stub_outcome outcome;
    pthread_t threads[THREADS];
    int same = 0;

    for (int i = 0; i < THREADS; i++) {
        shared[i] = (struct shared) { .job = job };
        pthread_create(&threads[i], NULL, wait_for_shared, &shared[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        same += shared[i].count > 0 && shared[i].count == shared[0].count;
    }
    tap_equal(same, THREADS, "all threads that wait get the same outcome");
    vgpu_stub_cancel(job);
    tap_equal(vgpu_stub_wait(job, -1, &outcome), 0,
              "a job that has ended cannot be cancelled");
    tap_equal(script_count(&outcome), shared[0].count, "nor ends again");
    tap_equal(script_requests(dev), shared[0].count + 1, "it was sent once");
    vgpu_stub_job_free(job);
}

static void test_failure(struct vgpu_stub *dev)
{
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub_job *job;
    char text[VGPU_STUB_BUF_SIZE];

    job = script_submit(dev, script_request(0, VGPU_STUB_ERR_BUILD_FAILED,
                                            SCRIPT_NONE), -1, 0);
    tap_equal(vgpu_stub_wait(job, -1, &outcome), -EREMOTEIO, "a job fails");
    tap_equal(outcome.error_code, VGPU_STUB_ERR_BUILD_FAILED, "as it is told");
    vgpu_stub_job_free(job);

    tap_equal(vgpu_stub_mem_free(dev, 7, -1, &outcome), -EREMOTEIO,
              "an operation fails");
    vgpu_stub_message(&outcome, text, sizeof(text));
    tap_ok(strcmp(text, "no ?handle") == 0,
           "and says why, in printable characters");
    vgpu_stub_message(&outcome, text, 4);
    tap_ok(strcmp(text, "no ") == 0, "in as many as there is room for");
}

static void test_too_late(struct vgpu_stub *dev)
{
    uint32_t before = script_requests(dev);
    struct vgpu_stub_job *running, *waiting;

    tap_equal(script_call(dev, script_request(SCRIPT_FOREVER_MS, 0, SCRIPT_NONE), 50,
                          NULL), -ETIMEDOUT, "a call that is too late");
    running = script_delay(dev, SCRIPT_FOREVER_MS);
    waiting = script_submit(dev, script_request(0, 0, SCRIPT_NONE), 20, 0);
    tap_equal(vgpu_stub_wait(waiting, -1, NULL), -ETIMEDOUT,
              "a job whose turn does not come in time");
    tap_equal(script_call(dev, script_request(0, 0, SCRIPT_NONE), 20, NULL),
              -ETIMEDOUT, "a call whose turn does not come in time");
    tap_equal(vgpu_stub_wait(running, 0, NULL), -EAGAIN,
              "the one before them goes on");
    vgpu_stub_job_free(waiting);
    vgpu_stub_job_free(running);
    tap_ok(script_requests(dev) <= before + 3, "those two were not sent");
}

static void test_cancel(struct vgpu_stub *dev)
{
    uint32_t before = script_requests(dev);
    struct vgpu_stub_job *running = script_delay(dev, SCRIPT_FOREVER_MS);
    struct vgpu_stub_job *waiting = script_delay(dev, 0);
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };

    usleep(20000);              /* the first is being executed, probably */
    tap_equal(vgpu_stub_get_info(dev, &info), 0,
              "the properties can be read meanwhile");
    vgpu_stub_cancel(waiting);
    tap_equal(vgpu_stub_wait(waiting, 0, NULL), -ECANCELED,
              "a job that waits is cancelled at once");
    tap_equal(vgpu_stub_wait(running, 0, NULL), -EAGAIN, "the other goes on");
    vgpu_stub_cancel(running);
    tap_equal(vgpu_stub_wait(running, -1, NULL), -ECANCELED,
              "a job that runs is cancelled");
    vgpu_stub_job_free(waiting);
    vgpu_stub_job_free(running);

    vgpu_stub_job_free(script_delay(dev, SCRIPT_FOREVER_MS));
    tap_ok(script_requests(dev) <= before + 3, "what was cancelled was not sent");
}

static void test_bad_arguments(struct vgpu_stub *dev)
{
    static const uint8_t large[VGPU_STUB_BUF_SIZE + 1];
    struct vgpu_stub_job *job;

    tap_equal(vgpu_stub_submit(dev, large, 0, -1, 0, &job), -EINVAL,
              "an empty request is refused");
    tap_equal(vgpu_stub_submit(dev, large, sizeof(large), -1, 0, &job),
              -EMSGSIZE, "a request of 1025 bytes is refused");
    tap_equal(vgpu_stub_submit(dev, large, 32, -1, 8, &job), -EINVAL,
              "an unknown flag is refused");
}

/* A link that is lost, or an answer that says that the request was lost */
static void test_retry(struct vgpu_stub *dev)
{
    const struct script_request drop = script_request(30, 0, SCRIPT_DROP);
    const struct script_request cancelled =
        script_request(0, VGPU_STUB_ERR_CANCELLED, SCRIPT_ONCE);
    const struct script_request failed =
        script_request(0, VGPU_STUB_ERR_BACKEND_ERROR, SCRIPT_ONCE);
    const struct {
        struct script_request request;
        uint32_t error_code;
        bool retried;
    } cases[] = {
        { drop, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE, true },
        { cancelled, VGPU_STUB_ERR_CANCELLED, true },
        { failed, VGPU_STUB_ERR_BACKEND_ERROR, false },
    };
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct vgpu_stub_job *job;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct script_request request = cases[i].request;
        const char *name = vgpu_stub_error_name(cases[i].error_code);

        job = script_submit(dev, request, -1, VGPU_STUB_IDEMPOTENT);
        tap_equal(vgpu_stub_wait(job, -1, &outcome),
                  cases[i].retried ? 0 : -EREMOTEIO,
                  "an idempotent request that ends as %s is%s sent again",
                  name, cases[i].retried ? "" : " not");
        vgpu_stub_job_free(job);

        request.tag += 1000;
        tap_equal(script_call(dev, request, -1, &outcome), -EREMOTEIO,
                  "another request is not");
        tap_equal(outcome.error_code, cases[i].error_code, "and ends as %s",
                  name);
        do {
            usleep(10000);      /* the mediator comes back */
        } while (vgpu_stub_get_info(dev, &info) == 0 && !info.link_up);
    }
}

static void test_retry_in_time(struct vgpu_stub *dev)
{
    struct script_request request;
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct vgpu_stub_job *job;
    int rc;

    for (;;) {
        request = script_request(300, 0, SCRIPT_DROP);
        job = script_submit(dev, request, 100, VGPU_STUB_IDEMPOTENT);
        rc = vgpu_stub_wait(job, -1, &outcome);
        if (rc != -ETIMEDOUT) {
            break;
        }
        vgpu_stub_job_free(job);    /* the mediator took longer than that */
    }
    tap_equal(rc, -EREMOTEIO, "a retry ends with the request's time");
    tap_equal(outcome.error_code, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE,
              "as the last attempt did");
    vgpu_stub_job_free(job);

    job = script_submit(dev, request, -1, VGPU_STUB_IDEMPOTENT);
    vgpu_stub_cancel(job);
    tap_equal(vgpu_stub_wait(job, -1, NULL), -ECANCELED,
              "a retry can be cancelled");
    vgpu_stub_job_free(job);
    do {
        usleep(10000);
    } while (vgpu_stub_get_info(dev, &info) == 0 && !info.link_up);
}

static void test_memory(struct vgpu_stub *dev)
{
    static uint8_t data[3 * VGPU_STUB_READ_STEP + 5], back[sizeof(data)];
    struct vgpu_stub_accelerator accelerator = { .struct_size = sizeof(accelerator) };
    struct vgpu_stub_outcome outcome;
    uint64_t one, other, freed = 0;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = i % 251;
    }
    tap_equal(vgpu_stub_get_accelerator(dev, &accelerator, -1, 0, NULL), 0,
              "ask for the accelerator");
    tap_ok(accelerator.present && strcmp(accelerator.name, "script") == 0 &&
           accelerator.memory_quota == 0x100000005 &&
           accelerator.memory_used == 0x200000006 &&
           accelerator.backend == VGPU_STUB_BACKEND_CPU &&
           accelerator.opcodes == 0xff && accelerator.compute_units == 4,
           "it is as the response says");

    tap_equal(vgpu_stub_mem_alloc(dev, sizeof(data) + 3, &one, -1, NULL), 0,
              "allocate memory");
    tap_equal(vgpu_stub_mem_alloc(dev, sizeof(data), &other, -1, NULL), 0,
              "and more");
    tap_equal(vgpu_stub_mem_write(dev, one, 3, data, sizeof(data), -1,
                                  VGPU_STUB_IDEMPOTENT, NULL), 0,
              "write more than one request carries");
    tap_equal(vgpu_stub_mem_copy(dev, other, 0, one, 3, sizeof(data), -1, 0,
                                 NULL), 0, "copy it");
    tap_equal(vgpu_stub_mem_read(dev, other, 0, back, sizeof(back), -1, 0,
                                 NULL), 0, "read it");
    tap_ok(memcmp(back, data, sizeof(data)) == 0, "it is the same");
    outcome.error_code = outcome.length = 1;
    tap_equal(vgpu_stub_mem_write(dev, one, 0, data, 0, -1, 0, &outcome), 0,
              "write nothing");
    tap_ok(outcome.error_code == 0 && outcome.length == 0,
           "which has an outcome");
    tap_equal(vgpu_stub_mem_write(dev, one, 0, data, 0, -1, 8, NULL), -EINVAL,
              "an unknown flag is refused there, too");
    tap_equal(vgpu_stub_synchronize(dev, -1, 0, NULL), 0, "synchronize");
    tap_equal(vgpu_stub_mem_free(dev, one, -1, NULL), 0, "free it");
    tap_equal(vgpu_stub_mem_free_all(dev, &freed, -1, NULL), 0, "all of it");
    tap_ok(freed >= sizeof(data), "and learn how much that was");
    tap_equal(vgpu_stub_mem_free_all(dev, NULL, -1, &outcome), 0,
              "nobody needs to know");
    tap_ok(vgpu_stub_mem_free(dev, other, -1, NULL) == -EREMOTEIO,
           "it is gone");
}

static void test_kernel(struct vgpu_stub *dev)
{
    struct vgpu_stub_kernel_arg args[VGPU_STUB_KERNEL_ARGS_MAX + 1] = {
        vgpu_stub_arg_buffer(UINT64_C(0x1122334455667788)),
        vgpu_stub_arg_i32(-2), vgpu_stub_arg_f32(1.0f),
        vgpu_stub_arg_f64(-1.0),
    };
    struct vgpu_stub_kernel kernel = {
        .struct_size = sizeof(kernel),
        .name = "1234567890123456789012345678901", .dimensions = 1,
        .global_size = { 8, 1, 1 }, .args = args, .arg_count = 4,
    };
    const uint64_t values[] = {
        UINT64_C(0x1122334455667788), 0xfffffffe, 0x3f800000,
        UINT64_C(0xbff0000000000000),
    };
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub_reply reply;
    struct vgpu_stub_job *job;
    uint64_t words[12];
    bool same = true;

    /* The mediator returns the data: a name of 32 bytes, then the arguments */
    tap_equal(vgpu_stub_launch(dev, &kernel, -1, 0, &outcome), 0, "a kernel");
    tap_ok(vgpu_stub_parse(&outcome, &reply) == 0 &&
           reply.data_length == sizeof(words), "has its arguments");
    memcpy(words, reply.data, sizeof(words));
    for (int i = 0; i < 4; i++) {
        same = same && words[4 + 2 * i] == args[i].type &&
               words[5 + 2 * i] == values[i];
    }
    tap_ok(same, "which are those that it was given");

    kernel.arg_count = VGPU_STUB_KERNEL_ARGS_MAX;
    tap_equal(vgpu_stub_submit_launch(dev, &kernel, -1, 0, &job), 0,
              "one of many arguments is submitted");
    tap_equal(vgpu_stub_wait(job, -1, NULL), 0, "and done");
    vgpu_stub_job_free(job);
    kernel.arg_count++;
    tap_equal(vgpu_stub_launch(dev, &kernel, -1, 0, NULL), -EINVAL,
              "too many arguments are refused");
    kernel.arg_count = 0;
    kernel.dimensions = 4;
    tap_equal(vgpu_stub_launch(dev, &kernel, -1, 0, NULL), -EINVAL,
              "four dimensions are refused");
    kernel.dimensions = 1;
    kernel.name = "12345678901234567890123456789012";
    tap_equal(vgpu_stub_launch(dev, &kernel, -1, 0, NULL), -EINVAL,
              "a name of 32 characters is refused");
    kernel.name = NULL;
    tap_equal(vgpu_stub_launch(dev, &kernel, -1, 0, NULL), -EINVAL,
              "no name is refused");
}

struct caller {
    struct vgpu_stub *dev;
    pthread_t thread;
    int result;
};

static void *call_forever(void *opaque)
{
    struct caller *caller = opaque;

    caller->result = script_call(caller->dev,
                                 script_request(SCRIPT_FOREVER_MS, 0, SCRIPT_NONE),
                                 -1, NULL);
    return NULL;
}

/* Writes so much that it takes many requests */
static void *write_forever(void *opaque)
{
    static uint8_t data[64 << 20];
    struct caller *caller = opaque;
    uint64_t handle = 0;

    vgpu_stub_mem_alloc(caller->dev, sizeof(data), &handle, -1, NULL);
    caller->result = vgpu_stub_mem_write(caller->dev, handle, 0, data,
                                         sizeof(data), -1, 0, NULL);
    return NULL;
}

static void test_close(struct vgpu_stub *dev, void *(*in_front)(void *))
{
    struct caller callers[THREADS];
    struct vgpu_stub_job *jobs[JOBS];
    uint8_t data[4] = "data";
    int ended = 0;

    for (int i = 0; i < THREADS; i++) {
        callers[i].dev = dev;
        pthread_create(&callers[i].thread, NULL,
                       i == 0 ? in_front : call_forever, &callers[i]);
        usleep(20000);          /* that one is in front */
    }
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = script_delay(dev, 0);
    }
    vgpu_stub_close(dev);
    dev = script_open();
    tap_equal(vgpu_stub_echo(dev, data, sizeof(data), -1, NULL), 0,
              "a closed device is free, and works");
    vgpu_stub_close(dev);

    for (int i = 0; i < THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        ended += callers[i].result == -ECANCELED;
    }
    for (int i = 0; i < JOBS; i++) {
        ended += vgpu_stub_wait(jobs[i], -1, NULL) == -ECANCELED;
        vgpu_stub_cancel(jobs[i]);
        vgpu_stub_job_free(jobs[i]);
    }
    tap_equal(ended, THREADS + JOBS, "closing cancelled calls and jobs");
}

int main(int argc, char **argv)
{
    struct vgpu_stub *dev = script_open();

    test_waiting(dev, argc > 1 ? argv[1] : "");
    test_order(dev);
    test_once(dev);
    test_failure(dev);
    test_too_late(dev);
    test_cancel(dev);
    test_bad_arguments(dev);
    test_retry(dev);
    test_retry_in_time(dev);
    test_memory(dev);
    test_kernel(dev);
    test_close(dev, call_forever);
    test_close(script_open(), write_forever);
    return tap_done();
}
