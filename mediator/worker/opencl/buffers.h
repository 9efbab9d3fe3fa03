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
    uint64_t serial;            /* no other buffer of the session has it */
    ClBuffer *whole;            /* whose part it is; NULL: it has memory */
};

/* The one with @id, or NULL */
ClBuffer *cl_buffer_find(const ClSession *session, uint32_t id);

#endif /* WORKER_OPENCL_BUFFERS_H */
