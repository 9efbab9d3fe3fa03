/*
 * libcuda.so.1, for machines without a GPU: a fake of NVIDIA's driver
 *
 * It runs the catalogue's kernels by name, on the CPU, but finds their
 * parameters as the PTX declares them. What it is given it checks more
 * strictly than the driver: whoever breaks its rules is aborted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cpu-kernels.h"
#include "cuda-driver.h"

#define NOT_INITIALIZED 3
#define ILLEGAL_ADDRESS 700

/* The functions below have the types that the backend knows. */
#define DECLARE(symbol, name, parameters) CudaResult symbol parameters;
CUDA_FUNCTIONS(DECLARE)

struct CudaContext {
    unsigned users;
    GHashTable *blocks;         /* size of each block by its address */
};

/* A module is its text, a function one entry of it. */
struct CudaModule {
    char *text;
    GPtrArray *functions;
};

struct CudaFunction {
    char *name;
    char *parameters;           /* as the PTX declares them */
};

static bool initialized;
static struct CudaContext primary, *current;
static CudaResult failure;      /* that stays, as a kernel's does */
static bool endless;            /* a kernel runs that does not end */

/* The result of a call that needs a context */
static CudaResult state(void)
{
    g_assert(initialized && current != NULL);
    return failure;
}

static void *range(CudaPointer address, size_t length)
{
    GHashTableIter iter;
    gpointer start, size;

    g_hash_table_iter_init(&iter, current->blocks);
    while (g_hash_table_iter_next(&iter, &start, &size)) {
        const CudaPointer first = (uintptr_t)start;

        if (address >= first && address - first <= GPOINTER_TO_SIZE(size) &&
            length <= GPOINTER_TO_SIZE(size) - (address - first)) {
            return (char *)start + (address - first);
        }
    }
    g_error("%zu bytes at 0x%llx are in no block", length, address);
}

CudaResult cuInit(unsigned flags)
{
    g_assert_cmpuint(flags, ==, 0);
    initialized = true;
    return CUDA_OK;
}

CudaResult cuGetErrorString(CudaResult result, const char **text)
{
    *text = result == ILLEGAL_ADDRESS ? "an illegal memory access was "
                                        "encountered" : "an error";
    return CUDA_OK;
}

CudaResult cuDeviceGetCount(int *count)
{
    *count = 1;
    return initialized ? CUDA_OK : NOT_INITIALIZED;
}

CudaResult cuDeviceGet(CudaDevice *device, int index)
{
    g_assert_cmpint(index, ==, 0);
    *device = 1000;
    return CUDA_OK;
}

CudaResult cuDeviceGetName(char *name, int size, CudaDevice device)
{
    g_assert_cmpint(device, ==, 1000);
    g_strlcpy(name, "no GPU but its fake", size);
    return CUDA_OK;
}

CudaResult cuDeviceGetAttribute(int *value, int attribute, CudaDevice device)
{
    static const int values[] = {
        [CUDA_MAX_THREADS_PER_BLOCK] = 1024,
        [CUDA_MAX_BLOCK_DIM_X] = 1024, 1024, 64,
        [CUDA_MAX_GRID_DIM_X] = 2147483647, 65535, 65535,
        [CUDA_MULTIPROCESSOR_COUNT] = 2,
    };

    g_assert_cmpint(device, ==, 1000);
    g_assert_cmpint(attribute, <, G_N_ELEMENTS(values));
    *value = values[attribute];
    return CUDA_OK;
}

CudaResult cuDevicePrimaryCtxSetFlags_v2(CudaDevice device, unsigned flags)
{
    g_assert_cmpint(device, ==, 1000);
    g_assert_cmpuint(flags, ==, CUDA_SCHED_BLOCKING_SYNC);
    return CUDA_OK;
}

CudaResult cuDevicePrimaryCtxRetain(CudaContext *context, CudaDevice device)
{
    g_assert_cmpint(device, ==, 1000);
    if (primary.users++ == 0) {
        primary.blocks = g_hash_table_new(NULL, NULL);
        failure = CUDA_OK;
    }
    *context = &primary;
    return CUDA_OK;
}

CudaResult cuDevicePrimaryCtxRelease_v2(CudaDevice device)
{
    g_assert_cmpint(device, ==, 1000);
    g_assert_cmpuint(primary.users, >, 0);
    if (--primary.users == 0) {
        /* All that was allocated has been freed. */
        g_assert_cmpuint(g_hash_table_size(primary.blocks), ==, 0);
        g_hash_table_unref(primary.blocks);
        current = NULL;
    }
    return CUDA_OK;
}

CudaResult cuCtxSetCurrent(CudaContext context)
{
    g_assert(context == &primary && primary.users > 0);
    current = context;
    return CUDA_OK;
}

CudaResult cuCtxSynchronize(void)
{
    while (endless) {
        pause();
    }
    return state();
}

CudaResult cuMemAlloc_v2(CudaPointer *memory, size_t size)
{
    void *block;

    g_assert_cmpuint(size, >, 0);
    if (state() != CUDA_OK) {
        return failure;
    }
    if (g_getenv("FAKE_CUDA_PV_DOM0") != NULL) {
        return CUDA_NOT_SUPPORTED;
    }
    block = g_malloc(size);
    memset(block, 0xa5, size);
    g_hash_table_insert(current->blocks, block, GSIZE_TO_POINTER(size));
    *memory = (uintptr_t)block;
    return CUDA_OK;
}

CudaResult cuMemFree_v2(CudaPointer memory)
{
    void *block = (void *)(uintptr_t)memory;

    g_assert(g_hash_table_remove(current->blocks, block));
    g_free(block);
    return state();
}

CudaResult cuMemsetD8_v2(CudaPointer memory, unsigned char byte, size_t count)
{
    memset(range(memory, count), byte, count);
    return state();
}

CudaResult cuMemcpyHtoD_v2(CudaPointer to, const void *from, size_t length)
{
    memcpy(range(to, length), from, length);
    return state();
}

CudaResult cuMemcpyDtoH_v2(void *to, CudaPointer from, size_t length)
{
    memcpy(to, range(from, length), length);
    return state();
}

CudaResult cuMemcpyDtoD_v2(CudaPointer to, CudaPointer from, size_t length)
{
    memcpy(range(to, length), range(from, length), length);
    return state();
}

CudaResult cuModuleLoadDataEx(CudaModule *module, const void *image,
                              unsigned options, int *option, void **value)
{
    const char *text = image;

    g_assert_cmpuint(options, ==, 2);
    g_assert_cmpint(option[0], ==, CUDA_JIT_ERROR_LOG_BUFFER);
    g_assert_cmpint(option[1], ==, CUDA_JIT_ERROR_LOG_BUFFER_SIZE);
    if (strstr(text, ".version") == NULL || strchr(text, '}') == NULL) {
        snprintf(value[0], GPOINTER_TO_SIZE(value[1]), "fatal: no PTX\n");
        return CUDA_INVALID_PTX;
    }
    *module = g_new(struct CudaModule, 1);
    (*module)->text = g_strdup(text);
    (*module)->functions = g_ptr_array_new();
    return state();
}

CudaResult cuModuleUnload(CudaModule module)
{
    for (guint i = 0; i < module->functions->len; i++) {
        CudaFunction function = g_ptr_array_index(module->functions, i);

        g_free(function->name);
        g_free(function->parameters);
        g_free(function);
    }
    g_ptr_array_unref(module->functions);
    g_free(module->text);
    g_free(module);
    return state();
}

CudaResult cuModuleGetFunction(CudaFunction *function, CudaModule module,
                               const char *name)
{
    g_autofree char *entry = g_strdup_printf(".visible .entry %s(", name);
    const char *start = strstr(module->text, entry);

    if (start == NULL) {
        return CUDA_NOT_FOUND;
    }
    start += strlen(entry);
    *function = g_new(struct CudaFunction, 1);
    (*function)->name = g_strdup(name);
    (*function)->parameters = g_strndup(start, strcspn(start, ")"));
    g_ptr_array_add(module->functions, *function);
    return state();
}

/* Unpack the parameters as they are declared; returns how many bytes. */
static size_t unpack(const char *declared, const uint8_t *bytes,
                     KernelArgument arguments[KERNEL_MAX_ARGUMENTS])
{
    size_t used = 0;

    for (unsigned i = 0; (declared = strstr(declared, ".param .")); i++) {
        const bool wide = g_str_has_prefix(declared, ".param .u64");
        const size_t size = wide ? 8 : 4;

        used = (used + size - 1) / size * size;
        if (wide) {
            memcpy(&arguments[i].u64, bytes + used, size);
            range(arguments[i].u64, 1);
        } else {
            memcpy(&arguments[i].u32, bytes + used, size);
        }
        used += size;
        declared++;
    }
    return used;
}

/*
 * Kernels that are no catalogue's, by what their names promise; false when
 * @name is none of them. @bytes are the parameters, @size how many.
 */
static bool run_other(const char *name, const uint8_t *bytes, size_t size)
{
    CudaPointer target;

    if (g_str_equal(name, "fault")) {
        failure = ILLEGAL_ADDRESS;
        return true;
    }
    if (g_str_equal(name, "endless")) {
        endless = true;
        return true;
    }
    if (g_str_equal(name, "store_arguments")) {
        /* They come after the address where they are to be stored. */
        memcpy(&target, bytes, sizeof(target));
        memcpy(range(target, size - sizeof(target)), bytes + sizeof(target),
               size - sizeof(target));
        return true;
    }
    return false;
}

CudaResult cuLaunchKernel(CudaFunction function, unsigned grid_x,
                          unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z,
                          unsigned shared_bytes, void *stream,
                          void **arguments, void **extra)
{
    KernelArgument unpacked[KERNEL_MAX_ARGUMENTS] = { 0 };
    uint8_t bytes[KERNEL_MAX_ARGUMENTS * 8] = { 0 };
    size_t size;

    g_assert(shared_bytes == 0 && stream == NULL && arguments == NULL);
    g_assert(extra[0] == CUDA_LAUNCH_BUFFER);
    g_assert(extra[2] == CUDA_LAUNCH_BUFFER_SIZE);
    g_assert(extra[4] == CUDA_LAUNCH_END);
    g_assert(grid_x > 0 && grid_x <= 2147483647);
    g_assert(grid_y > 0 && grid_y <= 65535);
    g_assert(grid_z > 0 && grid_z <= 65535);
    g_assert(block_x > 0 && block_y > 0 && block_z > 0 && block_z <= 64);
    g_assert((uint64_t)block_x * block_y * block_z <= 1024);
    size = *(size_t *)extra[3];
    g_assert_cmpuint(size, <=, sizeof(bytes));
    memcpy(bytes, extra[1], size);

    if (run_other(function->name, bytes, size)) {
        return CUDA_OK;
    }
    if (size != unpack(function->parameters, bytes, unpacked)) {
        return CUDA_INVALID_VALUE;
    }
    cpu_kernel_find(function->name)->function(unpacked);
    return state();
}
