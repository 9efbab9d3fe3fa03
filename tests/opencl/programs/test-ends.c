/*
 * test-ends: what a program sees of a quota, of fork() and of a lost worker
 *
 * Prints TAP. Its worker is its child, of 256 MiB.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scene.h"

static void test_quota(void)
{
    cl_int status;
    cl_mem mem = clCreateBuffer(context, 0, 512 << 20, NULL, &status);

    tap_ok(!mem && status == CL_INVALID_BUFFER_SIZE,
           "more than the quota");
    mem = clCreateBuffer(context, 0, 200 << 20, NULL, &status);
    tap_equal(status, CL_SUCCESS, "all but some of it");
    tap_ok(!clCreateBuffer(context, 0, 100 << 20, NULL, &status) &&
           status == CL_MEM_OBJECT_ALLOCATION_FAILURE, "not both together");
    clReleaseMemObject(mem);
    mem = clCreateBuffer(context, 0, 100 << 20, NULL, &status);
    tap_equal(status, CL_SUCCESS, "what was released is there again");
    clReleaseMemObject(mem);
}

/* The child has not the parent's worker, and does not disturb it. */
static void test_fork(void)
{
    cl_mem mem = zeros();
    cl_kernel add = adder(mem, 1);
    pid_t child;
    int status;

    launch(queue, add, N, 0, NULL, NULL);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        const size_t items = N;
        cl_event event;
        cl_int said = clEnqueueNDRangeKernel(queue, add, 1, NULL, &items, NULL,
                                             0, NULL, &event);

        _exit(said == CL_SUCCESS && clFinish(queue) == CL_SUCCESS);
    }
    waitpid(child, &status, 0);
    tap_equal(status, 0, "a child's commands are not executed");
    launch(queue, add, N, 0, NULL, NULL);
    tap_equal(first_of(mem), 2, "its parent's are");
    clReleaseKernel(add);
    clReleaseMemObject(mem);
}

static pid_t find_worker(void)
{
    FILE *file = fopen("/proc/thread-self/children", "r");
    int pid = 0;

    if (!file || fscanf(file, "%d", &pid) != 1) {
        printf("Bail out! no worker\n");
        exit(EXIT_FAILURE);
    }
    fclose(file);
    return pid;
}

static void test_lost(void)
{
    cl_mem mem = zeros();
    cl_kernel add = adder(mem, 1);
    cl_event gate = user_event(), event;
    cl_int value, status;

    launch(queue, add, N, 1, &gate, &event);
    kill(find_worker(), SIGKILL);
    MUST(clSetUserEventStatus(gate, CL_COMPLETE));
    tap_equal(clWaitForEvents(1, &event),
              CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST,
              "who waits is told of the error");
    tap_equal(status_of(event), CL_DEVICE_NOT_AVAILABLE,
              "the command has its own");
    tap_equal(clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, sizeof(value),
                                  &value, 0, NULL, NULL),
              CL_DEVICE_NOT_AVAILABLE, "a read fails");
    tap_ok(!clCreateBuffer(context, 0, 4096, NULL, &status),
           "there is no new memory");
    tap_ok(clFinish(queue) != CL_SUCCESS, "clFinish() says so");
    clReleaseEvent(gate);
    clReleaseEvent(event);
    clReleaseKernel(add);
    clReleaseMemObject(mem);
}

int main(void)
{
    scene_set();
    test_quota();
    test_fork();
    test_lost();
    clReleaseProgram(program);
    clReleaseCommandQueue(queue);
    tap_equal(clReleaseContext(context), CL_SUCCESS, "all can be released");
    return tap_done();
}
