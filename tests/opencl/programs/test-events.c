/*
 * test-events: what waits for what, and who is told
 *
 * Prints TAP. It passes on any OpenCL that keeps to the specification.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <pthread.h>
#include <semaphore.h>

#include "scene.h"

/* A command waits for a user's event, and those behind it for the command. */
static void test_user_event(void)
{
    cl_mem mem = zeros();
    cl_kernel one = adder(mem, 1), twice = kernel("twice");
    cl_event gate = user_event(), events[2];

    MUST(clSetKernelArg(twice, 0, sizeof(mem), &mem));
    launch(queue, one, N, 1, &gate, &events[0]);
    launch(queue, twice, N, 0, NULL, &events[1]);
    MUST(clFlush(queue));
    tap_equal(status_of(gate), CL_SUBMITTED, "a user's event is submitted");
    tap_ok(status_of(events[0]) > CL_COMPLETE, "what waits has not ended");
    tap_ok(status_of(events[1]) > CL_COMPLETE, "nor has what is behind it");
    tap_equal(clSetUserEventStatus(gate, 1), CL_INVALID_VALUE,
              "a user's event cannot run");
    MUST(clSetUserEventStatus(gate, CL_COMPLETE));
    tap_equal(clSetUserEventStatus(gate, CL_COMPLETE), CL_INVALID_OPERATION,
              "it cannot be set twice");
    MUST(clWaitForEvents(2, events));
    tap_equal(status_of(events[1]), CL_COMPLETE, "they have ended");
    tap_equal(first_of(mem), 2, "in their order");
    tap_equal(clSetUserEventStatus(events[0], CL_COMPLETE), CL_INVALID_EVENT,
              "a command's event is none of the user's");
    clReleaseEvent(gate);
    clReleaseEvent(events[0]);
    clReleaseEvent(events[1]);
    clReleaseKernel(one);
    clReleaseKernel(twice);
    clReleaseMemObject(mem);
}

/* The arguments are those of the time when it was enqueued. */
static void test_arguments_are_kept(void)
{
    cl_mem mem = zeros(), other = zeros();
    cl_kernel add = adder(mem, 3);
    cl_event gate = user_event();
    cl_int n = 40;

    launch(queue, add, N, 1, &gate, NULL);
    MUST(clSetKernelArg(add, 0, sizeof(other), &other));
    MUST(clSetKernelArg(add, 1, sizeof(n), &n));
    launch(queue, add, N, 0, NULL, NULL);
    MUST(clReleaseKernel(add));
    MUST(clSetUserEventStatus(gate, CL_COMPLETE));
    tap_equal(first_of(mem), 3, "the first launch has its arguments");
    tap_equal(first_of(other), 40, "the second has others");
    clReleaseEvent(gate);
    clReleaseMemObject(mem);
    clReleaseMemObject(other);
}

/* An error goes to those that wait for it, and to theirs. */
static void test_error(void)
{
    cl_mem mem = zeros();
    cl_kernel add = adder(mem, 1);
    cl_event gate = user_event(), refused, next, later;
    cl_command_queue other = clCreateCommandQueue(context, device, 0, NULL);
    cl_int value;

    launch(queue, add, N, 1, &gate, &refused);
    launch(other, add, N, 1, &refused, &next);
    launch(queue, add, N, 0, NULL, &later);
    MUST(clSetUserEventStatus(gate, -42));
    tap_equal(clWaitForEvents(1, &refused),
              CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST,
              "waiting for it tells of an error");
    tap_ok(status_of(refused) < 0, "what waited was not executed");
    clWaitForEvents(1, &next);
    tap_ok(status_of(next) < 0, "nor what waited for that");
    tap_equal(status_of(gate), -42, "the user's event has its own");
    tap_equal(clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, sizeof(value),
                                  &value, 1, &gate, NULL),
              CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST,
              "a read that blocks returns it");
    tap_equal(clWaitForEvents(1, &later), CL_SUCCESS, "the queue goes on");
    clReleaseEvent(gate);
    clReleaseEvent(refused);
    clReleaseEvent(next);
    clReleaseEvent(later);
    clReleaseKernel(add);
    clReleaseMemObject(mem);
    clReleaseCommandQueue(other);
}

/* In an out-of-order queue only what depends on it is held. */
static void test_out_of_order(void)
{
    cl_int status;
    cl_command_queue other = clCreateCommandQueue(
        context, device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &status);
    cl_mem mem = zeros(), free = zeros();
    cl_kernel one = adder(mem, 1), two = adder(free, 2), ten = adder(mem, 10);
    cl_event gate = user_event(), held, passes, marker, behind;

    must(status, "clCreateCommandQueue");
    launch(other, one, N, 1, &gate, &held);
    launch(other, two, N, 0, NULL, &passes);
    MUST(clWaitForEvents(1, &passes));
    tap_equal(first_of(free), 2, "what does not depend on it passes");
    MUST(clEnqueueMarkerWithWaitList(other, 0, NULL, &marker));
    MUST(clEnqueueBarrierWithWaitList(other, 0, NULL, NULL));
    launch(other, ten, N, 0, NULL, &behind);
    MUST(clFlush(other));
    tap_ok(status_of(marker) > CL_COMPLETE, "a marker waits for all");
    tap_ok(status_of(behind) > CL_COMPLETE, "a barrier holds what is behind");
    tap_equal(first_of(mem), 0, "nothing was done");
    MUST(clSetUserEventStatus(gate, CL_COMPLETE));
    MUST(clFinish(other));
    tap_equal(status_of(marker), CL_COMPLETE, "then the marker ends");
    tap_equal(status_of(behind), CL_COMPLETE, "and what was behind");
    tap_equal(first_of(mem), 11, "all was done");
    clReleaseEvent(gate);
    clReleaseEvent(held);
    clReleaseEvent(passes);
    clReleaseEvent(marker);
    clReleaseEvent(behind);
    clReleaseKernel(one);
    clReleaseKernel(two);
    clReleaseKernel(ten);
    clReleaseMemObject(mem);
    clReleaseMemObject(free);
    clReleaseCommandQueue(other);
}

/* --- Callbacks --- */

static sem_t called;
static cl_int told[8];
static int told_count;

static void CL_CALLBACK tell(cl_event event, cl_int status, void *opaque)
{
    cl_uint refs = 0;

    (void)opaque;
    /* The event is there, and functions can be called. */
    clGetEventInfo(event, CL_EVENT_REFERENCE_COUNT, sizeof(refs), &refs, NULL);
    told[told_count++] = status;
    sem_post(&called);
}

static void test_callbacks(void)
{
    cl_mem mem = zeros();
    cl_kernel add = adder(mem, 1);
    cl_event gate = user_event(), event;

    sem_init(&called, 0, 0);
    launch(queue, add, N, 1, &gate, &event);
    tap_equal(clSetEventCallback(event, CL_QUEUED, tell, NULL),
              CL_INVALID_VALUE, "nobody is told of what is queued");
    MUST(clSetEventCallback(event, CL_COMPLETE, tell, NULL));
    MUST(clSetEventCallback(event, CL_SUBMITTED, tell, NULL));
    MUST(clSetEventCallback(event, CL_RUNNING, tell, NULL));
    tap_equal(sem_trywait(&called), -1, "nothing has happened yet");
    MUST(clSetUserEventStatus(gate, CL_COMPLETE));
    for (int i = 0; i < 3; i++) {
        sem_wait(&called);
    }
    tap_ok(told[0] == CL_SUBMITTED && told[1] == CL_RUNNING &&
           told[2] == CL_COMPLETE, "each is told, in their order");
    MUST(clSetEventCallback(event, CL_COMPLETE, tell, NULL));
    sem_wait(&called);
    tap_equal(told[3], CL_COMPLETE, "also of what has ended before");
    clReleaseEvent(gate);
    clReleaseEvent(event);

    gate = user_event();
    MUST(clSetEventCallback(gate, CL_COMPLETE, tell, NULL));
    MUST(clSetUserEventStatus(gate, -7));
    sem_wait(&called);
    tap_equal(told[4], -7, "an error is told");
    clReleaseEvent(gate);
    clReleaseKernel(add);
    clReleaseMemObject(mem);
}

static void CL_CALLBACK enqueue_more(cl_event event, cl_int status,
                                     void *opaque)
{
    cl_kernel *add = opaque;

    (void)event;
    (void)status;
    launch(queue, *add, N, 0, NULL, NULL);
    MUST(clFlush(queue));
    sem_post(&called);
}

/* A callback may enqueue. */
static void test_callback_enqueues(void)
{
    cl_mem mem = zeros();
    cl_kernel add = adder(mem, 1);
    cl_event event;

    launch(queue, add, N, 0, NULL, &event);
    MUST(clSetEventCallback(event, CL_COMPLETE, enqueue_more, &add));
    MUST(clFlush(queue));
    sem_wait(&called);
    MUST(clFinish(queue));
    tap_equal(first_of(mem), 2, "a callback has enqueued");
    clReleaseEvent(event);
    clReleaseKernel(add);
    clReleaseMemObject(mem);
}

/* --- Threads --- */

static void *open_gate(void *opaque)
{
    MUST(clSetUserEventStatus(opaque, CL_COMPLETE));
    return NULL;
}

/* A thread waits for what another one lets go. */
static void test_other_thread_opens(void)
{
    cl_mem mem = zeros();
    cl_kernel add = adder(mem, 5);
    cl_event gate = user_event(), event;
    pthread_t thread;

    launch(queue, add, N, 1, &gate, &event);
    pthread_create(&thread, NULL, open_gate, gate);
    MUST(clWaitForEvents(1, &event));
    pthread_join(thread, NULL);
    tap_equal(first_of(mem), 5, "another thread opens the gate");
    clReleaseEvent(gate);
    clReleaseEvent(event);
    clReleaseKernel(add);
    clReleaseMemObject(mem);
}

#define THREADS 8
#define ROUNDS 100

static void *add_and_read(void *opaque)
{
    cl_command_queue own = clCreateCommandQueue(context, device, 0, NULL);
    cl_mem mem = zeros();
    cl_kernel add = adder(mem, 1);
    static __thread cl_int values[N];
    size_t *wrong = opaque;

    for (cl_int i = 1; i <= ROUNDS; i++) {
        launch(own, add, N, 0, NULL, NULL);
        MUST(clEnqueueReadBuffer(own, mem, CL_TRUE, 0, BYTES, values, 0, NULL,
                                 NULL));
        *wrong += values[0] != i || values[N - 1] != i;
    }
    clReleaseKernel(add);
    clReleaseMemObject(mem);
    clReleaseCommandQueue(own);
    return NULL;
}

static void test_threads(void)
{
    pthread_t threads[THREADS];
    size_t wrong[THREADS] = { 0 }, all = 0;

    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, add_and_read, &wrong[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        all += wrong[i];
    }
    tap_equal(all, 0, "threads with queues of their own");
}

static void *take_and_leave(void *opaque)
{
    for (int i = 0; i < 20 * ROUNDS; i++) {
        MUST(clRetainContext(context));
        MUST(clRetainCommandQueue(queue));
        MUST(clReleaseCommandQueue(queue));
        MUST(clReleaseContext(context));
    }
    return opaque;
}

/* Of what another thread takes and leaves meanwhile */
static void test_counts(void)
{
    cl_uint queues = 0, contexts = 0;
    pthread_t thread;
    bool good = true;

    pthread_create(&thread, NULL, take_and_leave, NULL);
    for (int i = 0; i < 20 * ROUNDS; i++) {
        MUST(clGetCommandQueueInfo(queue, CL_QUEUE_REFERENCE_COUNT,
                                   sizeof(queues), &queues, NULL));
        MUST(clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT,
                              sizeof(contexts), &contexts, NULL));
        good &= queues > 0 && contexts > 0;
    }
    pthread_join(thread, NULL);
    tap_ok(good, "references that come and go");
}

/* Nobody waits or flushes: it is executed all the same. */
static void test_nobody_waits(void)
{
    cl_mem mem = zeros();
    cl_kernel add = adder(mem, 1);
    cl_event event;

    for (int i = 0; i < 1000; i++) {
        launch(queue, add, N, 0, NULL, i == 999 ? &event : NULL);
    }
    while (status_of(event) > CL_COMPLETE) {
        sched_yield();
    }
    tap_equal(first_of(mem), 1000, "nobody flushes, and all is done");
    tap_equal(refs_of(event), 1, "an event has the program's reference");
    clReleaseEvent(event);
    clReleaseKernel(add);
    clReleaseMemObject(mem);
}

int main(void)
{
    scene_set();
    test_user_event();
    test_arguments_are_kept();
    test_error();
    test_out_of_order();
    test_callbacks();
    test_callback_enqueues();
    test_other_thread_opens();
    test_threads();
    test_counts();
    test_nobody_waits();
    return tap_done();
}
