/*
 * opencl-speed ROUNDS NOPS MIB: what it costs to use OpenCL's first device
 *
 * Prints a line for each round, of words and numbers: `nop` µs for an empty
 * kernel and its end, the median; `rate` of NOPS such kernels that end together,
 * in a second; MiB/s that `write` and `read` move, MIB at a time, and `memcpy`
 * beside them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALONE 501               /* of which the median is taken */
#define COPIES 5

static const char *source = "kernel void nothing(void) { }\n";

static cl_context context;
static cl_command_queue queue;
static cl_kernel nothing;

static void must(cl_int status, const char *what)
{
    if (status != CL_SUCCESS) {
        fprintf(stderr, "opencl-speed: %s: error %d\n", what, status);
        exit(EXIT_FAILURE);
    }
}

#define MUST(call) must(call, #call)

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void set_up(void)
{
    cl_platform_id platform;
    cl_device_id device;
    cl_program program;
    cl_int status;

    MUST(clGetPlatformIDs(1, &platform, NULL));
    MUST(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL));
    context = clCreateContext(NULL, 1, &device, NULL, NULL, &status);
    must(status, "clCreateContext");
    queue = clCreateCommandQueue(context, device, 0, &status);
    must(status, "clCreateCommandQueue");
    program = clCreateProgramWithSource(context, 1, &source, NULL, &status);
    must(status, "clCreateProgramWithSource");
    MUST(clBuildProgram(program, 0, NULL, NULL, NULL, NULL));
    nothing = clCreateKernel(program, "nothing", &status);
    must(status, "clCreateKernel");
}

static void enqueue(void)
{
    const size_t one = 1;

    MUST(clEnqueueNDRangeKernel(queue, nothing, 1, NULL, &one, &one, 0, NULL,
                                NULL));
}

static int compare(const void *one, const void *other)
{
    const double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

static double nop_us(void)
{
    double took[ALONE];

    for (int i = 0; i < ALONE; i++) {
        const double begin = now();

        enqueue();
        MUST(clFinish(queue));
        took[i] = (now() - begin) * 1e6;
    }
    return median(took, ALONE);
}

static double pipelined(int nops)
{
    const double begin = now();

    for (int i = 0; i < nops; i++) {
        enqueue();
    }
    MUST(clFinish(queue));
    return nops / (now() - begin);
}

struct memory {
    size_t bytes;
    char *here;
    char *beside;
    cl_mem there;
};

static void do_write(struct memory *memory)
{
    MUST(clEnqueueWriteBuffer(queue, memory->there, CL_TRUE, 0, memory->bytes,
                              memory->here, 0, NULL, NULL));
}

static void do_read(struct memory *memory)
{
    MUST(clEnqueueReadBuffer(queue, memory->there, CL_TRUE, 0, memory->bytes,
                             memory->here, 0, NULL, NULL));
}

static void do_memcpy(struct memory *memory)
{
    memcpy(memory->beside, memory->here, memory->bytes);
    __asm__ volatile("" : : "r"(memory->beside) : "memory");
}

/* MiB/s, the median */
static double speed(void (*work)(struct memory *), struct memory *memory)
{
    double speeds[COPIES];

    for (int i = 0; i < COPIES; i++) {
        const double begin = now();

        work(memory);
        speeds[i] = memory->bytes / (now() - begin) / (1 << 20);
    }
    return median(speeds, COPIES);
}

static void take_memory(struct memory *memory)
{
    cl_int status;

    memory->here = malloc(memory->bytes);
    memory->beside = malloc(memory->bytes);
    if (!memory->here || !memory->beside) {
        exit(EXIT_FAILURE);
    }
    memset(memory->here, 1, memory->bytes);
    memset(memory->beside, 2, memory->bytes);
    memory->there = clCreateBuffer(context, CL_MEM_READ_WRITE, memory->bytes,
                                   NULL, &status);
    must(status, "clCreateBuffer");
    do_write(memory);
    do_read(memory);
}

int main(int argc, char **argv)
{
    struct memory memory;

    if (argc != 4) {
        fputs("usage: opencl-speed ROUNDS NOPS MIB\n", stderr);
        return 2;
    }
    memory.bytes = (size_t)atoi(argv[3]) << 20;
    set_up();
    take_memory(&memory);
    nop_us();
    for (int i = 0; i < atoi(argv[1]); i++) {
        printf("nop %.2f", nop_us());
        printf(" rate %.0f", pipelined(atoi(argv[2])));
        printf(" write %.1f", speed(do_write, &memory));
        printf(" read %.1f", speed(do_read, &memory));
        printf(" memcpy %.1f\n", speed(do_memcpy, &memory));
    }
    return EXIT_SUCCESS;
}
