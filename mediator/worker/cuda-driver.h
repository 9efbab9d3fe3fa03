/*
 * The part of the CUDA driver's interface that the backend uses
 *
 * The functions of libcuda.so.1, with the numbers that they take, as the
 * driver's documentation gives them. CUDA's own headers are not needed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_CUDA_DRIVER_H
#define WORKER_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#define CUDA_LIBRARY "libcuda.so.1"

typedef int CudaResult;
typedef int CudaDevice;
typedef struct CudaContext *CudaContext;
typedef struct CudaModule *CudaModule;
typedef struct CudaFunction *CudaFunction;
typedef unsigned long long CudaPointer;     /* of the device */

enum {
    CUDA_OK = 0,
    CUDA_INVALID_VALUE = 1,
    CUDA_OUT_OF_MEMORY = 2,
    CUDA_INVALID_IMAGE = 200,
    CUDA_NO_BINARY_FOR_GPU = 209,
    CUDA_INVALID_PTX = 218,
    CUDA_UNSUPPORTED_PTX_VERSION = 222,
    CUDA_INVALID_SOURCE = 300,
    CUDA_NOT_FOUND = 500,
    CUDA_LAUNCH_OUT_OF_RESOURCES = 701,
    CUDA_NOT_SUPPORTED = 801,
};

/* Attributes of a device */
enum {
    CUDA_MAX_THREADS_PER_BLOCK = 1,
    CUDA_MAX_BLOCK_DIM_X = 2,               /* y and z follow */
    CUDA_MAX_GRID_DIM_X = 5,                /* y and z follow */
    CUDA_MULTIPROCESSOR_COUNT = 16,
};

/* Flag of a context: the thread sleeps while it waits. */
#define CUDA_SCHED_BLOCKING_SYNC 4

/* Options of cuModuleLoadDataEx; a size is given in the pointer's place. */
enum {
    CUDA_JIT_ERROR_LOG_BUFFER = 5,
    CUDA_JIT_ERROR_LOG_BUFFER_SIZE = 6,
};

/* What the array `extra` of cuLaunchKernel is made of */
#define CUDA_LAUNCH_END ((void *)0)
#define CUDA_LAUNCH_BUFFER ((void *)1)
#define CUDA_LAUNCH_BUFFER_SIZE ((void *)2)

/* f(name in the library, name in struct CudaDriver, parameters) */
#define CUDA_FUNCTIONS(f) \
    f(cuInit, init, (unsigned flags)) \
    f(cuGetErrorString, error_string, (CudaResult, const char **text)) \
    f(cuDeviceGetCount, device_count, (int *count)) \
    f(cuDeviceGet, device_get, (CudaDevice *device, int index)) \
    f(cuDeviceGetName, device_name, (char *name, int size, CudaDevice)) \
    f(cuDeviceGetAttribute, device_attribute, \
      (int *value, int attribute, CudaDevice)) \
    f(cuDevicePrimaryCtxSetFlags_v2, context_flags, \
      (CudaDevice, unsigned flags)) \
    f(cuDevicePrimaryCtxRetain, context_retain, \
      (CudaContext *context, CudaDevice)) \
    f(cuDevicePrimaryCtxRelease_v2, context_release, (CudaDevice)) \
    f(cuCtxSetCurrent, context_set_current, (CudaContext)) \
    f(cuCtxSynchronize, synchronize, (void)) \
    f(cuMemAlloc_v2, alloc, (CudaPointer *memory, size_t size)) \
    f(cuMemFree_v2, free, (CudaPointer)) \
    f(cuMemsetD8_v2, fill, (CudaPointer, unsigned char, size_t count)) \
    f(cuMemcpyHtoD_v2, copy_to, (CudaPointer, const void *, size_t)) \
    f(cuMemcpyDtoH_v2, copy_from, (void *, CudaPointer, size_t)) \
    f(cuMemcpyDtoD_v2, copy_within, (CudaPointer, CudaPointer, size_t)) \
    f(cuModuleLoadDataEx, module_load, \
      (CudaModule *module, const void *image, unsigned options, \
       int *option, void **value)) \
    f(cuModuleUnload, module_unload, (CudaModule)) \
    f(cuModuleGetFunction, module_function, \
      (CudaFunction *function, CudaModule, const char *name)) \
    f(cuLaunchKernel, launch, \
      (CudaFunction, unsigned grid_x, unsigned grid_y, unsigned grid_z, \
       unsigned block_x, unsigned block_y, unsigned block_z, \
       unsigned shared_bytes, void *stream, void **arguments, \
       void **extra))

#define CUDA_DECLARE(symbol, name, parameters) CudaResult (*name) parameters;

typedef struct CudaDriver {
    CUDA_FUNCTIONS(CUDA_DECLARE)
} CudaDriver;

#endif /* WORKER_CUDA_DRIVER_H */
