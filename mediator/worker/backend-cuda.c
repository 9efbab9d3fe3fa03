/*
 * The backend for a CUDA device, through the driver's interface
 *
 * The driver is loaded when the worker runs, so that one program works on
 * hosts with such a device and without.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "backend.h"

#include <string.h>

#include "cuda-driver.h"
#include "library.h"

/* Work items of a group that the backend chooses, at most */
#define GROUP 256

/* Bytes of what the PTX compiler says */
#define LOG_SIZE 1024

static CudaDriver cuda;

struct Backend {
    CudaDevice device;
    uint32_t max_block[3];
    uint32_t max_grid[3];
    char name[256];             /* the device's */
};

static bool load(GError **error)
{
#define SYMBOL(symbol, name, parameters) { #symbol, &cuda.name },
    static const LibrarySymbol symbols[] = { CUDA_FUNCTIONS(SYMBOL) };

    return library_load(CUDA_LIBRARY, symbols, G_N_ELEMENTS(symbols), error);
}

/* Always returns false. */
static bool fail(GError **error, const char *what, CudaResult result)
{
    uint32_t code = VGPU_STUB_ERR_BACKEND_ERROR;
    const char *text = NULL, *advice = "";

    switch (result) {
    case CUDA_OUT_OF_MEMORY:
    case CUDA_LAUNCH_OUT_OF_RESOURCES:
        code = VGPU_STUB_ERR_OUT_OF_MEMORY;
        break;
    case CUDA_NOT_SUPPORTED:
        /* Although nvidia-smi works; a dom0 of Xen is PV unless told not to. */
        advice = "; in a PV dom0 NVIDIA's driver says that: give the GPU to a "
                 "service VM, or boot with dom0=pvh (docs/kernels.md)";
        break;
    }
    cuda.error_string(result, &text);
    g_set_error(error, BACKEND_ERROR, code, "%s: CUDA error %d, %s%s", what,
                result, text != NULL ? text : "unknown", advice);
    return false;
}

static bool check(CudaResult result, const char *what, GError **error)
{
    return result == CUDA_OK || fail(error, what, result);
}

static bool attribute(CudaDevice device, int number, uint32_t *value,
                      GError **error)
{
    int raw = 0;

    if (!check(cuda.device_attribute(&raw, number, device),
               "cuDeviceGetAttribute", error)) {
        return false;
    }
    *value = MAX(raw, 0);
    return true;
}

static bool describe(Backend *backend, CudaDevice device,
                     BackendDevice *description, GError **error)
{
    description->name = backend->name;
    for (int i = 0; i < 3; i++) {
        if (!attribute(device, CUDA_MAX_BLOCK_DIM_X + i,
                       &backend->max_block[i], error) ||
            !attribute(device, CUDA_MAX_GRID_DIM_X + i,
                       &backend->max_grid[i], error)) {
            return false;
        }
    }
    return check(cuda.device_name(backend->name, sizeof(backend->name) - 1,
                                  device), "cuDeviceGetName", error) &&
           attribute(device, CUDA_MULTIPROCESSOR_COUNT,
                     &description->compute_units, error) &&
           attribute(device, CUDA_MAX_THREADS_PER_BLOCK,
                     &description->max_group, error);
}

/* Make the device's own context current, which all of a process share. */
static bool enter_context(CudaDevice device, GError **error)
{
    CudaContext context;

    if (!check(cuda.context_flags(device, CUDA_SCHED_BLOCKING_SYNC),
               "cuDevicePrimaryCtxSetFlags", error) ||
        !check(cuda.context_retain(&context, device),
               "cuDevicePrimaryCtxRetain", error)) {
        return false;
    }
    if (!check(cuda.context_set_current(context), "cuCtxSetCurrent", error)) {
        cuda.context_release(device);
        return false;
    }
    return true;
}

static bool set_up(Backend *backend, unsigned index,
                   BackendDevice *description, GError **error)
{
    int count = 0;

    if (!check(cuda.init(0), "cuInit", error) ||
        !check(cuda.device_count(&count), "cuDeviceGetCount", error)) {
        return false;
    }
    if (count <= 0 || index >= (unsigned)count) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                    "cuda: there is no device %u, there are %d", index,
                    count);
        return false;
    }
    return check(cuda.device_get(&backend->device, index), "cuDeviceGet",
                 error) &&
           describe(backend, backend->device, description, error) &&
           enter_context(backend->device, error);
}

static Backend *cuda_open(unsigned index, BackendDevice *device,
                          GError **error)
{
    Backend *backend;

    if (!load(error)) {
        return NULL;
    }
    backend = g_new0(Backend, 1);
    if (!set_up(backend, index, device, error)) {
        g_free(backend);
        return NULL;
    }
    return backend;
}

static void cuda_close(Backend *backend)
{
    cuda.context_release(backend->device);
    g_free(backend);
}

/* An address of the device stands in the place of one of the host. */
G_STATIC_ASSERT(sizeof(BackendMemory *) == sizeof(CudaPointer));

static CudaPointer address(BackendMemory *memory, size_t offset)
{
    return (CudaPointer)(uintptr_t)memory + offset;
}

static BackendMemory *cuda_alloc(Backend *backend G_GNUC_UNUSED, size_t size,
                                 GError **error)
{
    CudaPointer memory;
    CudaResult result;

    if (!check(cuda.alloc(&memory, size), "cuMemAlloc", error)) {
        return NULL;
    }
    result = cuda.fill(memory, 0, size);
    if (result == CUDA_OK) {
        result = cuda.synchronize();
    }
    if (result != CUDA_OK) {
        fail(error, "cuMemsetD8", result);
        cuda.free(memory);
        return NULL;
    }
    return (BackendMemory *)(uintptr_t)memory;
}

static void cuda_free(Backend *backend G_GNUC_UNUSED, BackendMemory *memory)
{
    cuda.free(address(memory, 0));
}

static bool cuda_copy_to(Backend *backend G_GNUC_UNUSED, BackendMemory *to,
                         size_t offset, const void *from, size_t length,
                         GError **error)
{
    /* What it returns before is only the reading of @from. */
    return check(cuda.copy_to(address(to, offset), from, length),
                 "cuMemcpyHtoD", error) &&
           check(cuda.synchronize(), "cuMemcpyHtoD", error);
}

static bool cuda_copy_from(Backend *backend G_GNUC_UNUSED, void *to,
                           BackendMemory *from, size_t offset, size_t length,
                           GError **error)
{
    return check(cuda.copy_from(to, address(from, offset), length),
                 "cuMemcpyDtoH", error);
}

static bool cuda_copy_within(Backend *backend G_GNUC_UNUSED,
                             BackendMemory *to, size_t to_offset,
                             BackendMemory *from, size_t from_offset,
                             size_t length, GError **error)
{
    return check(cuda.copy_within(address(to, to_offset),
                                  address(from, from_offset), length),
                 "cuMemcpyDtoD", error) &&
           check(cuda.synchronize(), "cuMemcpyDtoD", error);
}

/*
 * The driver takes binaries in the same place, and believes the sizes in
 * them. They have other bytes than text.
 */
static bool cuda_vet(const char *text, GError **error)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (!g_ascii_isprint(*c) && !g_ascii_isspace(*c)) {
            g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BUILD_FAILED,
                        "PTX is ASCII; byte %td is 0x%02x", c - text,
                        (unsigned char)*c);
            return false;
        }
    }
    return true;
}

static BackendProgram *cuda_build(Backend *backend G_GNUC_UNUSED,
                                  const char *text, GError **error)
{
    char log[LOG_SIZE] = "";
    int options[] = {
        CUDA_JIT_ERROR_LOG_BUFFER, CUDA_JIT_ERROR_LOG_BUFFER_SIZE,
    };
    void *values[] = { log, GSIZE_TO_POINTER(sizeof(log) - 1) };
    CudaModule module;
    CudaResult result = cuda.module_load(&module, text,
                                         G_N_ELEMENTS(options), options,
                                         values);

    switch (result) {
    case CUDA_OK:
        return (BackendProgram *)module;
    case CUDA_INVALID_VALUE:
    case CUDA_INVALID_IMAGE:
    case CUDA_NO_BINARY_FOR_GPU:
    case CUDA_INVALID_PTX:
    case CUDA_UNSUPPORTED_PTX_VERSION:
    case CUDA_INVALID_SOURCE:
        g_strstrip(log);
        g_set_error_literal(error, BACKEND_ERROR, VGPU_STUB_ERR_BUILD_FAILED,
                            *log ? log : "the program is no PTX");
        return NULL;
    }
    fail(error, "cuModuleLoadDataEx", result);
    return NULL;
}

static void cuda_unbuild(Backend *backend G_GNUC_UNUSED,
                         BackendProgram *program)
{
    cuda.module_unload((CudaModule)program);
}

/* The largest divisor of @size that is at most GROUP and @limit */
static uint32_t choose_group(uint32_t size, uint32_t limit)
{
    uint32_t group = MIN(MIN(size, GROUP), limit);

    while (size % group != 0) {
        group--;
    }
    return group;
}

/* The grid and the blocks that make @range */
static bool make_grid(const Backend *backend, const NdRange *range,
                      uint32_t grid[3], uint32_t block[3], GError **error)
{
    const bool choose = range->local[0] == 0;

    for (int i = 0; i < 3; i++) {
        block[i] = !choose ? range->local[i]
                 : i > 0 ? 1
                 : choose_group(range->global[0], backend->max_block[0]);
        grid[i] = range->global[i] / block[i];
        if (block[i] > backend->max_block[i]) {
            return backend_refuse(error, "work-group size: above %u in %c",
                                  backend->max_block[i], 'x' + i);
        }
        if (grid[i] > backend->max_grid[i]) {
            return backend_refuse(error, "global size: above %u work groups "
                                  "in %c", backend->max_grid[i], 'x' + i);
        }
    }
    return true;
}

/*
 * The kernel's parameters as it has them in its memory, each aligned to its
 * own size. The driver reads that many bytes, whatever the kernel declares.
 */
static size_t pack(const KernelArgument *arguments, unsigned count,
                   uint64_t packed[KERNEL_MAX_ARGUMENTS])
{
    uint8_t *bytes = (uint8_t *)packed;
    size_t used = 0;

    for (unsigned i = 0; i < count; i++) {
        const KernelArgument *argument = &arguments[i];
        const void *value = &argument->u64;
        size_t size = sizeof(argument->u64);
        CudaPointer memory;

        switch (argument->type) {
        case VGPU_STUB_ARG_BUFFER:
            memory = address(argument->memory, 0);
            value = &memory;
            break;
        case VGPU_STUB_ARG_U32:
        case VGPU_STUB_ARG_F32:
            value = &argument->u32;
            size = sizeof(argument->u32);
            break;
        }
        used = (used + size - 1) / size * size;
        memcpy(bytes + used, value, size);
        used += size;
    }
    return used;
}

static bool cuda_run(Backend *backend, BackendProgram *program,
                     const char *name, const NdRange *range,
                     const KernelArgument *arguments, unsigned count,
                     gint64 *exec_us, GError **error)
{
    uint64_t packed[KERNEL_MAX_ARGUMENTS] = { 0 };
    size_t size = pack(arguments, count, packed);
    void *extra[] = {
        CUDA_LAUNCH_BUFFER, packed, CUDA_LAUNCH_BUFFER_SIZE, &size,
        CUDA_LAUNCH_END,
    };
    uint32_t grid[3], block[3];
    CudaFunction function;
    CudaResult result;
    gint64 start;

    if (!make_grid(backend, range, grid, block, error)) {
        return false;
    }
    result = cuda.module_function(&function, (CudaModule)program, name);
    if (result == CUDA_NOT_FOUND) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNKNOWN_KERNEL,
                    "the program has no kernel %s", name);
        return false;
    }
    if (result != CUDA_OK) {
        return fail(error, "cuModuleGetFunction", result);
    }
    start = g_get_monotonic_time();
    result = cuda.launch(function, grid[0], grid[1], grid[2], block[0],
                         block[1], block[2], 0, NULL, NULL, extra);
    if (result == CUDA_INVALID_VALUE) {
        return backend_refuse(error, "the kernel cannot be launched with "
                              "these sizes and arguments");
    }
    if (result == CUDA_OK) {
        result = cuda.synchronize();
    }
    *exec_us += g_get_monotonic_time() - start;
    return check(result, "the kernel", error);
}

const BackendClass backend_cuda = {
    .name = "cuda",
    .number = VGPU_STUB_BACKEND_CUDA,
    .suffix = ".ptx",
    .open = cuda_open,
    .close = cuda_close,
    .alloc = cuda_alloc,
    .free = cuda_free,
    .copy_to = cuda_copy_to,
    .copy_from = cuda_copy_from,
    .copy_within = cuda_copy_within,
    .vet = cuda_vet,
    .build = cuda_build,
    .unbuild = cuda_unbuild,
    .run = cuda_run,
};
