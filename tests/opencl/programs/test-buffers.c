/*
 * test-buffers: what is moved, mapped and shared
 *
 * Prints TAP. It passes on any OpenCL that keeps to the specification.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <semaphore.h>

#include "scene.h"

#define LARGE (5 * 1024 * 1024 + 12345)

static unsigned char here[LARGE], back[LARGE];

static void fill(unsigned seed)
{
    for (size_t i = 0; i < LARGE; i++) {
        here[i] = (i * 7 + (i >> 8) + seed) & 0xff;
    }
}

/* Sizes around those at which the way changes */
static void test_sizes(void)
{
    static const size_t sizes[] = {
        1, 7, 4095, 4096, 4097, 65536, 1 << 20, (1 << 20) + 1, LARGE,
    };
    cl_mem mem = buffer(0, LARGE, NULL);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t offset = sizes[i] == LARGE ? 0 : 3;

        fill(i);
        memset(back, 0, LARGE);
        MUST(clEnqueueWriteBuffer(queue, mem, CL_FALSE, offset, sizes[i],
                                  here + 1 - (offset == 0), 0, NULL, NULL));
        MUST(clEnqueueReadBuffer(queue, mem, CL_TRUE, offset, sizes[i], back,
                                 0, NULL, NULL));
        tap_ok(memcmp(here + 1 - (offset == 0), back, sizes[i]) == 0,
               "%zu bytes there and back", sizes[i]);
    }
    clReleaseMemObject(mem);
    mem = buffer(0, LARGE, NULL);
    MUST(clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, LARGE, back, 0, NULL,
                             NULL));
    tap_ok(back[0] == 0 && memcmp(back, back + 1, LARGE - 1) == 0,
           "new memory is zero");
    clReleaseMemObject(mem);
}

static void test_rectangles(void)
{
    enum { ROW = 1000, SLICE = ROW * 500 };
    const size_t origin[3] = { 10, 20, 3 }, other[3] = { 5, 0, 1 };
    const size_t regions[][3] = { { 13, 7, 2 }, { 900, 300, 4 } };
    cl_mem mem = buffer(0, LARGE, NULL);
    size_t wrong;

    for (int i = 0; i < 2; i++) {
        const size_t *region = regions[i];

        fill(i);
        wrong = 0;
        memset(back, 0, LARGE);
        MUST(clEnqueueWriteBufferRect(queue, mem, CL_FALSE, origin, other,
                                      region, ROW, SLICE, ROW, SLICE, here, 0,
                                      NULL, NULL));
        MUST(clEnqueueReadBufferRect(queue, mem, CL_TRUE, origin, other,
                                     region, ROW, SLICE, ROW, SLICE, back, 0,
                                     NULL, NULL));
        for (size_t z = 0; z < region[2]; z++) {
            for (size_t y = 0; y < region[1]; y++) {
                const size_t at = (other[2] + z) * SLICE +
                                  (other[1] + y) * ROW + other[0];

                wrong += memcmp(here + at, back + at, region[0]) != 0;
                wrong += back[at - 1] != 0 && other[0] > 0;
                wrong += back[at + region[0]] != 0;
            }
        }
        tap_equal(wrong, 0, "rectangle %d there and back", i);
    }
    clReleaseMemObject(mem);
}

static void test_copy_and_fill(void)
{
    const size_t a[3] = { 0, 0, 0 }, b[3] = { 16, 1, 0 }, r[3] = { 8, 2, 1 };
    cl_mem one = buffer(0, BYTES, NULL), two = buffer(0, BYTES, NULL);
    cl_int pattern[2] = { 11, 22 }, values[N];

    MUST(clEnqueueFillBuffer(queue, one, pattern, sizeof(pattern), 0, BYTES, 0,
                             NULL, NULL));
    MUST(clEnqueueCopyBuffer(queue, one, two, 0, 8, BYTES - 8, 0, NULL, NULL));
    MUST(clEnqueueReadBuffer(queue, two, CL_TRUE, 0, BYTES, values, 0, NULL,
                             NULL));
    tap_ok(values[2] == 11 && values[3] == 22 && values[N - 1] == 22,
           "a fill is copied");
    tap_equal(clEnqueueCopyBuffer(queue, one, one, 0, 4, 8, 0, NULL, NULL),
              CL_MEM_COPY_OVERLAP, "what overlaps is not copied");
    MUST(clEnqueueCopyBufferRect(queue, one, one, a, b, r, 32, 0, 32, 0, 0,
                                 NULL, NULL));
    tap_equal(clEnqueueCopyBufferRect(queue, one, one, a, a, r, 32, 0, 32, 0,
                                      0, NULL, NULL), CL_MEM_COPY_OVERLAP,
              "nor a rectangle");
    MUST(clFinish(queue));
    clReleaseMemObject(one);
    clReleaseMemObject(two);
}

/* Parts of a buffer are mapped in the memory of the whole. */
static void test_maps(void)
{
    const cl_buffer_region region = { 1024, 1024 };
    cl_mem mem = zeros();
    cl_int status;
    cl_mem part = clCreateSubBuffer(mem, 0, CL_BUFFER_CREATE_TYPE_REGION,
                                    &region, &status);
    cl_kernel add = adder(part, 4);
    cl_int *whole, *mapped;
    cl_uint count;

    must(status, "clCreateSubBuffer");
    launch(queue, add, 256, 0, NULL, NULL);
    mapped = clEnqueueMapBuffer(queue, part, CL_TRUE,
                                CL_MAP_READ | CL_MAP_WRITE, 0, 1024, 0, NULL,
                                NULL, &status);
    must(status, "clEnqueueMapBuffer");
    tap_equal(mapped[0], 4, "a part is mapped");
    MUST(clGetMemObjectInfo(part, CL_MEM_MAP_COUNT, sizeof(count), &count,
                            NULL));
    tap_equal(count, 1, "it counts");
    mapped[1] = 77;
    MUST(clEnqueueUnmapMemObject(queue, part, mapped, 0, NULL, NULL));
    tap_equal(clEnqueueUnmapMemObject(queue, part, mapped, 0, NULL, NULL),
              CL_INVALID_VALUE, "it cannot be unmapped twice");
    whole = clEnqueueMapBuffer(queue, mem, CL_TRUE, CL_MAP_READ, 0, BYTES, 0,
                               NULL, NULL, &status);
    must(status, "clEnqueueMapBuffer");
    tap_ok(whole[255] == 0 && whole[256] == 4 && whole[257] == 77,
           "the whole shows what was written to a part");
    MUST(clEnqueueUnmapMemObject(queue, mem, whole, 0, NULL, NULL));
    MUST(clFinish(queue));
    clReleaseKernel(add);
    clReleaseMemObject(part);
    clReleaseMemObject(mem);
}

/* CL_MEM_USE_HOST_PTR is mapped where it was given. */
static void test_host_pointer(void)
{
    static cl_int values[N] __attribute__((aligned(4096)));
    cl_mem mem;
    cl_kernel add;
    cl_int *mapped;
    cl_int status;

    values[5] = 100;
    mem = buffer(CL_MEM_USE_HOST_PTR, BYTES, values);
    add = adder(mem, 1);
    launch(queue, add, N, 0, NULL, NULL);
    mapped = clEnqueueMapBuffer(queue, mem, CL_TRUE, CL_MAP_READ, 0, BYTES, 0,
                                NULL, NULL, &status);
    must(status, "clEnqueueMapBuffer");
    tap_ok(mapped == values, "mapped where it was given");
    tap_equal(values[5], 101, "with what was computed");
    MUST(clEnqueueUnmapMemObject(queue, mem, mapped, 0, NULL, NULL));
    MUST(clFinish(queue));
    clReleaseKernel(add);
    clReleaseMemObject(mem);
}

static void test_locals_and_vectors(void)
{
    cl_mem mem = zeros();
    cl_kernel add = kernel("sum");
    const cl_int4 four = { { 1, 2, 3, 4 } };
    const size_t global = N, local = 16;

    MUST(clSetKernelArg(add, 0, sizeof(mem), &mem));
    tap_equal(clEnqueueNDRangeKernel(queue, add, 1, NULL, &global, &local, 0,
                                     NULL, NULL), CL_INVALID_KERNEL_ARGS,
              "arguments are missing");
    MUST(clSetKernelArg(add, 1, local * sizeof(cl_int), NULL));
    MUST(clSetKernelArg(add, 2, sizeof(four), &four));
    tap_equal(clSetKernelArg(add, 2, 4, &four), CL_INVALID_ARG_SIZE,
              "a vector has its size");
    MUST(clEnqueueNDRangeKernel(queue, add, 1, NULL, &global, &local, 0, NULL,
                                NULL));
    tap_equal(first_of(mem), 10, "local memory and a vector");
    clReleaseKernel(add);
    clReleaseMemObject(mem);
}

static sem_t destroyed;
static int order[2], ordered;

static void CL_CALLBACK note(cl_mem mem, void *opaque)
{
    (void)mem;
    order[ordered++] = (int)(size_t)opaque;
    sem_post(&destroyed);
}

/* A buffer lives as long as it is used, and tells of its end. */
static void test_lifetime(void)
{
    const cl_buffer_region region = { 0, 128 };
    cl_mem mem = zeros();
    cl_mem part = clCreateSubBuffer(mem, 0, CL_BUFFER_CREATE_TYPE_REGION,
                                    &region, NULL);
    cl_kernel add = adder(mem, 1);
    cl_event gate = user_event();

    sem_init(&destroyed, 0, 0);
    MUST(clSetMemObjectDestructorCallback(mem, note, (void *)1));
    MUST(clSetMemObjectDestructorCallback(mem, note, (void *)2));
    launch(queue, add, N, 1, &gate, NULL);
    MUST(clReleaseMemObject(mem));
    tap_equal(sem_trywait(&destroyed), -1, "a command keeps it");
    MUST(clSetUserEventStatus(gate, CL_COMPLETE));
    MUST(clFinish(queue));
    tap_equal(sem_trywait(&destroyed), -1, "so does a part of it");
    tap_equal(first_of(part), 1, "which has its bytes");
    MUST(clReleaseMemObject(part));
    MUST(clReleaseKernel(add));
    sem_wait(&destroyed);
    sem_wait(&destroyed);
    tap_ok(order[0] == 2 && order[1] == 1, "the last one is called first");
    clReleaseEvent(gate);
}

static void test_times(void)
{
    static const cl_profiling_info names[] = {
        CL_PROFILING_COMMAND_QUEUED, CL_PROFILING_COMMAND_SUBMIT,
        CL_PROFILING_COMMAND_START, CL_PROFILING_COMMAND_END,
    };
    cl_mem mem = buffer(0, LARGE, NULL);
    cl_ulong times[4];
    cl_event event;

    MUST(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, LARGE, here, 0, NULL,
                              &event));
    for (int i = 0; i < 4; i++) {
        MUST(clGetEventProfilingInfo(event, names[i], sizeof(times[i]),
                                     &times[i], NULL));
    }
    tap_ok(times[0] <= times[1] && times[1] <= times[2] && times[2] < times[3],
           "times in their order");
    clReleaseEvent(event);
    clReleaseMemObject(mem);
}

int main(void)
{
    scene_set();
    test_sizes();
    test_rectangles();
    test_copy_and_fill();
    test_maps();
    test_host_pointer();
    test_locals_and_vectors();
    test_lifetime();
    test_times();
    return tap_done();
}
