/*
 * Programs, from their sources to what their kernels take
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_PROGRAMS_H
#define WORKER_OPENCL_PROGRAMS_H

#include "private.h"

typedef struct ClProgram {
    ClObject base;
    ClSession *session;
    size_t length;              /* bytes of the source */
    char *source;               /* until the driver has it; no NUL behind it */
    cl_program program;         /* NULL before it was built first */
    char *options;              /* of its executable; NULL: there is none */
    GByteArray *texts[2];       /* VGPU_STUB_CL_READ_…, of the last build */
} ClProgram;

/* The one with @id, or NULL */
ClProgram *cl_program_find(const ClSession *session, uint32_t id);

#endif /* WORKER_OPENCL_PROGRAMS_H */
