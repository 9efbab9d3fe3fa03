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
    char *source;               /* NULL: it is linked; no NUL behind it */
    cl_program program;         /* NULL: the driver has none yet */
    GPtrArray *origins;         /* of a linked one; see origins.h. Else NULL */
    cl_program_binary_type type;        /* what was made of it, if anything … */
    char *options;              /* … and with which options; or NULL */
    GHashTable *types;          /* that its kernels take, by name: plain? */
    unsigned kernels;           /* that there are of it */
    GByteArray *texts[2];       /* VGPU_STUB_CL_READ_…, of what was made last */
} ClProgram;

/* The one with @id, or NULL */
ClProgram *cl_program_find(const ClSession *session, uint32_t id);

/* A new one with @id, which is free; NULL: it has no room. */
ClProgram *cl_program_add(ClSession *session, uint32_t id);

/* Nothing has been made of it. */
void cl_program_forget(ClProgram *program);

#endif /* WORKER_OPENCL_PROGRAMS_H */
