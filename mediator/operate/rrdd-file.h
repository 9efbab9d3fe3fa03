/*
 * The figures of VMs for xcp-rrdd, which makes XCP-ng's graphs of them
 *
 * A file in the second version of the format that xcp-rrdd's plugins have. It
 * is written anew every RRDD_PERIOD_S; xcp-rrdd maps it once, so it keeps its
 * size.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_RRDD_FILE_H
#define MEDIATOR_RRDD_FILE_H

#include "schedule/dispatch.h"

#define RRDD_PERIOD_S 5

/* Bytes of the file; only the pages that are in use take up memory. */
#define RRDD_SIZE (4 * 1024 * 1024)

/* VMs that there is room for; the others are left out. */
#define RRDD_MAX_VMS 4096

typedef struct RrddFile RrddFile;

/*
 * Keep figures of @dispatch in the file at @path. As long as there cannot be
 * one it goes on trying.
 */
RrddFile *rrdd_file_new(const char *path, const Vms *vms);

/* Removes the file. */
void rrdd_file_free(RrddFile *file);

#endif /* MEDIATOR_RRDD_FILE_H */
