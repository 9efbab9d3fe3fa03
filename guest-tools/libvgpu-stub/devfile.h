/*
 * libvgpu-stub: the files of the kernel's driver, /dev/vgpu-stub*
 *
 * The driver's calls as functions, which know nothing of the library.
 * vgpu-stub-ioctl.h says what each does; an interrupted one is not begun anew.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_DEVFILE_H
#define VGPU_STUB_DEVFILE_H

#include <stdint.h>

#include "vgpu-stub-ioctl.h"

/*
 * Open one, close-on-exec.
 *
 * @bdf: the device's full address, "0000:00:1e.0"; NULL is the first device
 *       that can be opened, one with a link before those without
 * @info: receives what the device is
 *
 * Returns a file descriptor. Errors: -ENODEV there is none; else why the last
 * one could not be opened, such as -EACCES.
 */
int devfile_open(const char *bdf, struct vgpu_stub_io_info *info);

/* Returns 0 or a negative errno. */
int devfile_info(int fd, struct vgpu_stub_io_info *info);

/* Returns 0 or a negative errno; sets the member size. */
int devfile_enter(int fd, struct vgpu_stub_io_enter *enter);

/*
 * Have the request with this user_data end, if it has not begun; its
 * completion is to be taken like any other. Returns 0 or a negative errno.
 */
int devfile_cancel(int fd, uint64_t user_data);

#endif /* VGPU_STUB_DEVFILE_H */
