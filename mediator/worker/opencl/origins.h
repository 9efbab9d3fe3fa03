/*
 * What a linked program was compiled from
 *
 * Its driver knows the names of its kernels' types, but they mean what those
 * sources say. An origin keeps its program, and the options that it was
 * compiled with, whatever becomes of it later.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_ORIGINS_H
#define WORKER_OPENCL_ORIGINS_H

#include "programs.h"

/*
 * All that these programs, compiled or libraries, come from; NULL: that is more
 * than one may come from.
 */
GPtrArray *cl_origins_new(ClProgram *const *programs, unsigned count);

/*
 * Is this type of one of @program's kernels no sampler, and nothing else that
 * is not what its bytes are?
 */
bool cl_program_type_is_plain(ClProgram *program, const char *type);

#endif /* WORKER_OPENCL_ORIGINS_H */
