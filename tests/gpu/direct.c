/*
 * What a GPU does without us: figures to compare with, and patterns to find
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda-driver.h"

#define REPEATS 9
#define SMALL 1024

static const char usage[] =
    "usage: gpu-direct info\n"
    "       gpu-direct fill BYTES\n"
    "       gpu-direct figures KERNELS BYTES N\n"
    "\n"
    "info says what the first GPU is, fill leaves BYTES of 0xa5 in its memory\n"
    "and ends, figures times launches, copies of BYTES and 1024 bytes and the\n"
    "sgemm of KERNELS with N x N matrices; each line is a name and a value.\n";

static CudaDriver cuda;
static void *library;

static void __attribute__((noreturn)) die(const char *what, const char *why)
{
    fprintf(stderr, "gpu-direct: %s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, CudaResult result)
{
    char why[32];

    if (result != CUDA_OK) {
        snprintf(why, sizeof(why), "CUDA error %d", result);
        die(what, why);
    }
}

static void load(void)
{
    library = dlopen(CUDA_LIBRARY, RTLD_NOW);
    if (library == NULL) {
        die("driver", dlerror());
    }
#define LOAD(symbol, name, parameters) \
    *(void **)&cuda.name = dlsym(library, #symbol); \
    if (cuda.name == NULL) { \
        die(#symbol, "not in the driver"); \
    }
    CUDA_FUNCTIONS(LOAD)
}

static CudaDevice open_device(void)
{
    CudaContext context;
    CudaDevice device;

    load();
    check("cuInit", cuda.init(0));
    check("cuDeviceGet", cuda.device_get(&device, 0));
    check("cuDevicePrimaryCtxSetFlags",
          cuda.context_flags(device, CUDA_SCHED_BLOCKING_SYNC));
    check("cuDevicePrimaryCtxRetain", cuda.context_retain(&context, device));
    check("cuCtxSetCurrent", cuda.context_set_current(context));
    return device;
}

static CudaPointer allocate(size_t size)
{
    CudaPointer memory;

    check("cuMemAlloc", cuda.alloc(&memory, size));
    check("cuMemsetD8", cuda.fill(memory, 0, size));
    check("cuCtxSynchronize", cuda.synchronize());
    return memory;
}

/* --- info --- */

static void info(void)
{
    CudaResult (*version)(int *) = NULL;
    CudaResult (*memory)(size_t *, size_t *) = NULL;
    const CudaDevice device = open_device();
    char name[256] = "";
    size_t free_bytes, total_bytes;
    int number;

    check("cuDeviceGetName",
          cuda.device_name(name, sizeof(name) - 1, device));
    printf("name %s\n", name);
    check("cuDeviceGetAttribute",
          cuda.device_attribute(&number, CUDA_MULTIPROCESSOR_COUNT, device));
    printf("multiprocessors %d\n", number);
    /* The worker needs neither, so it is no error if they are not there. */
    *(void **)&version = dlsym(library, "cuDriverGetVersion");
    if (version != NULL && version(&number) == CUDA_OK) {
        printf("driver_version %d\n", number);
    }
    *(void **)&memory = dlsym(library, "cuMemGetInfo_v2");
    if (memory != NULL && memory(&free_bytes, &total_bytes) == CUDA_OK) {
        printf("free_bytes %zu\ntotal_bytes %zu\n", free_bytes, total_bytes);
    }
}

/* --- fill --- */

static void fill(size_t size)
{
    CudaPointer memory;

    open_device();
    check("cuMemAlloc", cuda.alloc(&memory, size));
    check("cuMemsetD8", cuda.fill(memory, 0xa5, size));
    check("cuCtxSynchronize", cuda.synchronize());
    printf("filled %zu\n", size);
    /* The end of the process frees it, as that of a killed worker does. */
}

/* --- figures --- */

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Print the median of REPEATS runs in µs; what the first one loads is not in. */
#define TIME(name, work) do { \
        double times[REPEATS]; \
        \
        work; \
        for (int i = 0; i < REPEATS; i++) { \
            const double start = now_us(); \
            \
            work; \
            times[i] = now_us() - start; \
        } \
        qsort(times, REPEATS, sizeof(times[0]), compare); \
        printf(name " %.1f\n", times[REPEATS / 2]); \
        fflush(stdout); \
    } while (0)

static char *read_file(const char *folder, const char *name)
{
    char path[4096];
    FILE *file;
    long size;
    char *text;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) < 0 ||
        (size = ftell(file)) < 0) {
        die(path, "cannot be read");
    }
    rewind(file);
    text = calloc(size + 1, 1);
    if (text == NULL || fread(text, 1, size, file) != (size_t)size) {
        die(path, "cannot be read");
    }
    fclose(file);
    return text;
}

static CudaFunction build(const char *folder, const char *file,
                          const char *name)
{
    char *text = read_file(folder, file), log[1024] = "";
    int options[] = {
        CUDA_JIT_ERROR_LOG_BUFFER, CUDA_JIT_ERROR_LOG_BUFFER_SIZE,
    };
    void *values[] = { log, (void *)(sizeof(log) - 1) };
    CudaFunction function;
    CudaModule module;

    if (cuda.module_load(&module, text, 2, options, values) != CUDA_OK) {
        die(file, log);
    }
    check(name, cuda.module_function(&function, module, name));
    free(text);
    return function;
}

static void launch(CudaFunction function, unsigned grid_x, unsigned grid_y,
                   unsigned block_x, void *parameters, size_t size)
{
    void *extra[] = {
        CUDA_LAUNCH_BUFFER, parameters, CUDA_LAUNCH_BUFFER_SIZE, &size,
        CUDA_LAUNCH_END,
    };

    check("cuLaunchKernel", cuda.launch(function, grid_x, grid_y, 1, block_x,
                                        1, 1, 0, NULL, NULL, extra));
    check("cuCtxSynchronize", cuda.synchronize());
}

static void copy_to(CudaPointer to, const void *from, size_t size)
{
    check("cuMemcpyHtoD", cuda.copy_to(to, from, size));
    check("cuCtxSynchronize", cuda.synchronize());
}

static void copy_from(void *to, CudaPointer from, size_t size)
{
    check("cuMemcpyDtoH", cuda.copy_from(to, from, size));
}

static void time_copies(size_t size)
{
    const CudaPointer memory = allocate(size > SMALL ? size : SMALL);
    void *bytes = calloc(1, size > SMALL ? size : SMALL);

    if (bytes == NULL) {
        die("copies", "no memory");
    }
    TIME("copy_to_1k_us", copy_to(memory, bytes, SMALL));
    TIME("copy_from_1k_us", copy_from(bytes, memory, SMALL));
    TIME("copy_to_us", copy_to(memory, bytes, size));
    TIME("copy_from_us", copy_from(bytes, memory, size));
    free(bytes);
    check("cuMemFree", cuda.free(memory));
}

static void time_kernels(const char *kernels, unsigned n)
{
    const CudaFunction add = build(kernels, "vector_add.ptx", "vector_add");
    const CudaFunction sgemm = build(kernels, "sgemm.ptx", "sgemm");
    const size_t size = (size_t)n * n * sizeof(float);
    const CudaPointer a = allocate(size), b = allocate(size);
    const CudaPointer c = allocate(size);
    struct { CudaPointer a, b, c; uint32_t n; } add_one = { a, b, c, 1 };
    struct {
        CudaPointer a, b, c;
        uint32_t m, n, k;
        float alpha, beta;
    } multiply = { a, b, c, n, n, n, 1, 0 };
    const unsigned block = n < 256 ? n : 256;

    TIME("launch_us", launch(add, 1, 1, 1, &add_one, 28));
    TIME("sgemm_us", launch(sgemm, n / block, n, block, &multiply,
                            sizeof(multiply) - 4));
}

static size_t number(const char *text)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value == 0) {
        die(text, "not a number above 0");
    }
    return value;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "info") == 0) {
        info();
    } else if (argc == 3 && strcmp(argv[1], "fill") == 0) {
        fill(number(argv[2]));
    } else if (argc == 5 && strcmp(argv[1], "figures") == 0) {
        open_device();
        time_copies(number(argv[3]));
        time_kernels(argv[2], number(argv[4]));
    } else {
        fputs(usage, stderr);
        return 2;
    }
    return 0;
}
