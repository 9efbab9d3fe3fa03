/*
 * The catalogue's kernels, for the backend that is a plain CPU
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_CPU_KERNELS_H
#define WORKER_CPU_KERNELS_H

#include "backend.h"

/*
 * Does what all work items of a kernel do. The arguments' number and types
 * are as the signature says; memory is memory of this process.
 */
typedef void (*CpuKernelFunction)(const KernelArgument *arguments);

typedef struct CpuKernel {
    const char *name;
    const char *signature;      /* a letter for each argument, CPU_KERNEL_… */
    CpuKernelFunction function;
} CpuKernel;

#define CPU_KERNEL_BUFFER 'b'
#define CPU_KERNEL_U32 'u'
#define CPU_KERNEL_F32 'f'

/* The kernel of that name, or NULL. */
const CpuKernel *cpu_kernel_find(const char *name);

#endif /* WORKER_CPU_KERNELS_H */
