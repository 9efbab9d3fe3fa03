/*
 * vgpu-stub: what there is of the kernel's driver
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_CLI_DRIVER_H
#define VGPU_STUB_CLI_DRIVER_H

#include <stdbool.h>

#include "cause.h"

/*
 * The file that the driver has for the device at @bdf, "/dev/vgpu-stub0", is
 * written to @path. Returns false where it has none.
 */
bool driver_file(const char *bdf, char path[64]);

/* Whether the kernel takes only what is signed: Secure Boot, or a lockdown. */
bool driver_needs_signature(void);

/*
 * What to do for the driver to have a device, which it has not: install it, load
 * it, have it signed. The pointers are constant.
 */
void driver_advise(const char *advice[ADVICE_MAX]);

/* The same in a few words: "not installed" */
const char *driver_state(void);

#endif /* VGPU_STUB_CLI_DRIVER_H */
