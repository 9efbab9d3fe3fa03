/*
 * The backend that is this process itself: works everywhere
 *
 * A kernel runs on one thread, whatever its ND-range.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "backend.h"

#include <string.h>

#include "cpu-kernels.h"

/* There is nothing to keep, but an open backend is not NULL. */
struct Backend {
    char unused;
};

static Backend *cpu_open(unsigned index, BackendDevice *device,
                         GError **error)
{
    if (index != 0) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_BACKEND_ERROR,
                    "cpu: there is no device %u, only device 0", index);
        return NULL;
    }
    *device = (BackendDevice) {
        .name = "CPU", .compute_units = 1, .max_group = 1024,
    };
    return g_new0(Backend, 1);
}

static void cpu_close(Backend *backend)
{
    g_free(backend);
}

static BackendMemory *cpu_alloc(Backend *backend G_GNUC_UNUSED, size_t size,
                                GError **error)
{
    void *memory = g_try_malloc0(size);

    if (memory == NULL) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_OUT_OF_MEMORY,
                    "the host has no %zu bytes", size);
    }
    return memory;
}

static void cpu_free(Backend *backend G_GNUC_UNUSED, BackendMemory *memory)
{
    g_free(memory);
}

static uint8_t *at(BackendMemory *memory, size_t offset)
{
    return (uint8_t *)memory + offset;
}

static bool cpu_copy_to(Backend *backend G_GNUC_UNUSED, BackendMemory *to,
                        size_t offset, const void *from, size_t length,
                        GError **error G_GNUC_UNUSED)
{
    memcpy(at(to, offset), from, length);
    return true;
}

static bool cpu_copy_from(Backend *backend G_GNUC_UNUSED, void *to,
                          BackendMemory *from, size_t offset, size_t length,
                          GError **error G_GNUC_UNUSED)
{
    memcpy(to, at(from, offset), length);
    return true;
}

static bool cpu_copy_within(Backend *backend G_GNUC_UNUSED,
                            BackendMemory *to, size_t to_offset,
                            BackendMemory *from, size_t from_offset,
                            size_t length, GError **error G_GNUC_UNUSED)
{
    memcpy(at(to, to_offset), at(from, from_offset), length);
    return true;
}

static char letter(uint32_t type)
{
    switch (type) {
    case VGPU_STUB_ARG_BUFFER:
        return CPU_KERNEL_BUFFER;
    case VGPU_STUB_ARG_U32:
        return CPU_KERNEL_U32;
    case VGPU_STUB_ARG_F32:
        return CPU_KERNEL_F32;
    }
    return '?';
}

static bool takes(const CpuKernel *kernel, const uint32_t *types,
                  unsigned count)
{
    if (count != strlen(kernel->signature)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (kernel->signature[i] != letter(types[i])) {
            return false;
        }
    }
    return true;
}

static bool cpu_has(const char *name, const uint32_t *types, unsigned count)
{
    const CpuKernel *kernel = cpu_kernel_find(name);

    return kernel != NULL && takes(kernel, types, count);
}

static bool cpu_run(Backend *backend G_GNUC_UNUSED,
                    BackendProgram *program G_GNUC_UNUSED, const char *name,
                    const NdRange *range G_GNUC_UNUSED,
                    const KernelArgument *arguments, unsigned count,
                    gint64 *exec_us, GError **error)
{
    const CpuKernel *kernel = cpu_kernel_find(name);
    uint32_t types[KERNEL_MAX_ARGUMENTS];
    gint64 start;

    for (unsigned i = 0; i < count; i++) {
        types[i] = arguments[i].type;
    }
    if (kernel == NULL) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNKNOWN_KERNEL,
                    "the backend cpu has no kernel %s", name);
        return false;
    }
    /* Else the catalogue's manifest is wrong. */
    if (!takes(kernel, types, count)) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_UNKNOWN_KERNEL,
                    "the backend cpu has no kernel %s with the catalogue's "
                    "arguments", name);
        return false;
    }
    start = g_get_monotonic_time();
    kernel->function(arguments);
    *exec_us += g_get_monotonic_time() - start;
    return true;
}

const BackendClass backend_cpu = {
    .name = "cpu",
    .number = VGPU_STUB_BACKEND_CPU,
    .open = cpu_open,
    .close = cpu_close,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .copy_to = cpu_copy_to,
    .copy_from = cpu_copy_from,
    .copy_within = cpu_copy_within,
    .has = cpu_has,
    .run = cpu_run,
};
