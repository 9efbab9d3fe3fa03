/*
 * What a worker executes on: the CPU, an OpenCL device or a CUDA device
 *
 * One interface for all. Whoever calls it has checked every number: ranges
 * are inside their memory, arguments are of known types. Calls do not return
 * before the accelerator is done.
 *
 * A function that fails sets an error of the domain BACKEND_ERROR, whose code
 * is the VGPU_STUB_ERR_… for the guest and whose message is for the guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_BACKEND_H
#define WORKER_BACKEND_H

#include <glib.h>
#include <stdbool.h>

#include "vgpu-stub-regs.h"

#define BACKEND_ERROR backend_error_quark()
GQuark backend_error_quark(void);

/* Set @error to VGPU_STUB_ERR_INVALID_REQUEST; always returns false. */
bool backend_refuse(GError **error, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* Each backend has its own idea of these. */
typedef struct Backend Backend;
typedef struct BackendMemory BackendMemory;
typedef struct BackendProgram BackendProgram;

/* What a kernel is called with */
typedef struct KernelArgument {
    uint32_t type;              /* VGPU_STUB_ARG_… */
    union {
        BackendMemory *memory;
        uint32_t u32;
        float f32;
        uint64_t u64;
        double f64;
    };
} KernelArgument;

/* The most that a request has room for */
#define KERNEL_MAX_ARGUMENTS 64

typedef struct NdRange {
    uint32_t dimensions;        /* 1 to 3; the sizes of the others are 1 */
    uint32_t global[3];         /* work items; their product is below 2^32 */
    /* Of a work group: divides global[]. All 0: the backend chooses. */
    uint32_t local[3];
} NdRange;

/* What a backend says of its device; valid as long as it is open */
typedef struct BackendDevice {
    const char *name;           /* UTF-8 if the driver says so */
    uint32_t compute_units;
    uint32_t max_group;         /* work items of a group */
} BackendDevice;

typedef struct BackendClass {
    const char *name;           /* as in the configuration */
    uint32_t number;            /* VGPU_STUB_BACKEND_… */
    /* Of the catalogue's programs; NULL: its kernels are compiled in. */
    const char *suffix;

    /* Open the device with that index. */
    Backend *(*open)(unsigned index, BackendDevice *device, GError **error);
    /* Everything that was made of it has been freed. */
    void (*close)(Backend *backend);

    /* @size bytes, at least 1, that are zero. */
    BackendMemory *(*alloc)(Backend *backend, size_t size, GError **error);
    void (*free)(Backend *backend, BackendMemory *memory);

    bool (*copy_to)(Backend *backend, BackendMemory *to, size_t offset,
                    const void *from, size_t length, GError **error);
    bool (*copy_from)(Backend *backend, void *to, BackendMemory *from,
                      size_t offset, size_t length, GError **error);
    /* The two ranges do not overlap. */
    bool (*copy_within)(Backend *backend, BackendMemory *to,
                        size_t to_offset, BackendMemory *from,
                        size_t from_offset, size_t length, GError **error);

    /*
     * Programs can make the compiler read files of the host: none of a guest's
     * may be built where there are any.
     */
    bool reads_files;
    /* A program with a kernel `trial`: one more in each uint of a buffer */
    const char *trial;

    /*
     * Is this kernel compiled in, and does it take arguments of these types?
     * NULL where suffix is not.
     */
    bool (*has)(const char *kernel, const uint32_t *types, unsigned count);

    /* These are NULL where suffix is. */

    /*
     * May a guest give the compiler @text? Else VGPU_STUB_ERR_BUILD_FAILED.
     * NULL: any.
     */
    bool (*vet)(const char *text, GError **error);
    BackendProgram *(*build)(Backend *backend, const char *text,
                             GError **error);
    void (*unbuild)(Backend *backend, BackendProgram *program);

    /*
     * Run @kernel of @program, which is NULL where suffix is. Adds the
     * execution's own time to @exec_us, also when it fails.
     */
    bool (*run)(Backend *backend, BackendProgram *program,
                const char *kernel, const NdRange *range,
                const KernelArgument *arguments, unsigned count,
                gint64 *exec_us, GError **error);
} BackendClass;

extern const BackendClass backend_cpu, backend_opencl, backend_cuda;

/* The backend of that name, or NULL. */
const BackendClass *backend_find(const char *name);

#endif /* WORKER_BACKEND_H */
