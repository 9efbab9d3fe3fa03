/*
 * vgpu-stub bench: how fast copies are
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_CLI_BULK_H
#define VGPU_STUB_CLI_BULK_H

#include "options.h"

struct bulk_figures {
    double write, read;         /* MiB/s to the host and back; 0: not known, */
    char problem[256];          /* and why */
};

void bulk_measure(struct vgpu_stub *dev, const struct vgpu_stub_info *info,
                  const struct options *options, struct bulk_figures *figures);

/* As lines, and as members of an object */
void bulk_print_text(const struct bulk_figures *figures);
void bulk_print_json(const struct bulk_figures *figures);

#endif /* VGPU_STUB_CLI_BULK_H */
