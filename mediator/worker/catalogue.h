/*
 * The kernels that the host's administrator offers: a folder
 *
 * NAME.kernel says what the kernel NAME takes, NAME and a backend's suffix is
 * its program. docs/kernels.md is the specification.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_CATALOGUE_H
#define WORKER_CATALOGUE_H

#include "launch.h"

typedef struct Catalogue Catalogue;
typedef struct CatalogueKernel CatalogueKernel;

/*
 * Read the manifests in @folder, and the programs of a backend with @suffix
 * (NULL: its kernels are compiled in).
 *
 * Errors: the folder or a file cannot be read; a manifest is wrong. The
 * message says which, where and why, and is for the administrator.
 */
Catalogue *catalogue_load(const char *folder, const char *suffix,
                          GError **error);
void catalogue_free(Catalogue *catalogue);

/* Its kernels, in the order of their names; to be freed by g_list_free() */
GList *catalogue_kernels(const Catalogue *catalogue);

/*
 * Append to @rows, of struct vgpu_stub_kernel_row in wire byte order, that of
 * the kernel and those of its arguments.
 */
void catalogue_kernel_describe(const CatalogueKernel *kernel, GArray *rows);

/* The functions below set BACKEND_ERROR, for the guest. */

const CatalogueKernel *catalogue_find(const Catalogue *catalogue,
                                      const char *name, GError **error);

/* NULL if the catalogue has none for the backend. */
const char *catalogue_kernel_program(const CatalogueKernel *kernel);

/*
 * Do dimensions, number and types of the arguments of @launch fit, and is
 * every buffer as large as the other arguments need? @sizes has its size in
 * bytes for each argument that is one. No buffer that is written may be the
 * same as another.
 */
bool catalogue_kernel_check(const CatalogueKernel *kernel,
                            const Launch *launch, const uint64_t *sizes,
                            GError **error);

#endif /* WORKER_CATALOGUE_H */
