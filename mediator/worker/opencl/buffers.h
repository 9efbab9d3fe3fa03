/*
 * Buffers, and parts of buffers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_BUFFERS_H
#define WORKER_OPENCL_BUFFERS_H

#include "private.h"

typedef struct ClBuffer ClBuffer;

struct ClBuffer {
    ClObject base;
    ClSession *session;
    cl_mem memory;
    uint64_t size;              /* bytes */
    ClBuffer *whole;            /* whose part it is; NULL: it has memory */
    uint64_t origin;            /* bytes, in the whole */
};

/* What a guest may say of memory; it has host pointers of its own. */
#define CL_GUEST_FLAGS (CL_MEM_READ_WRITE | CL_MEM_WRITE_ONLY | \
                        CL_MEM_READ_ONLY | CL_MEM_HOST_WRITE_ONLY | \
                        CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_NO_ACCESS)

/* The one with @id, or NULL */
ClBuffer *cl_buffer_find(const ClSession *session, uint32_t id);

/*
 * The memory that it is in, where *@offset is from the begin of that from now
 * on: for what not all drivers do with parts of buffers (PoCL 3.1 ends the
 * process).
 */
cl_mem cl_buffer_whole(const ClBuffer *buffer, size_t *offset);

#endif /* WORKER_OPENCL_BUFFERS_H */
