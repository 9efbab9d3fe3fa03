/*
 * libvgpu-stub: devices in sysfs
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_SYSFS_H
#define VGPU_STUB_SYSFS_H

#include "vgpu-stub.h"

#define SYSFS_PCI_DEVICES "/sys/bus/pci/devices"

/*
 * Open the file @name of the device at @bdf, close-on-exec; returns a file
 * descriptor. Errors: those of open(), but -ENODEV for -ENOENT.
 */
int sysfs_open_attribute(const char *bdf, const char *name, int flags);

/*
 * Find the device at @wanted, or the first one when that is NULL, and write
 * its full address to @bdf. Errors: -EINVAL, -ENODEV.
 */
int sysfs_find(const char *wanted, char bdf[VGPU_STUB_BDF_SIZE]);

/* The most that the name of a file of the driver has, with its NUL */
#define SYSFS_NAME_SIZE 32

/*
 * Write the name of the file that the kernel's driver has for the device at
 * @bdf, "vgpu-stub0", to @name. Returns false where it has none: the device is
 * not its own.
 */
bool sysfs_driver_file(const char *bdf, char name[SYSFS_NAME_SIZE]);

/*
 * Open the file that maps the BAR of the device at @bdf, with memory decoding
 * on.
 *
 * Returns a file descriptor. Errors: -EACCES and -EPERM, -EROFS, -EIO,
 * -ENODEV.
 */
int sysfs_open_bar(const char *bdf);

/*
 * Lock that file. Errors: -EBUSY another one is locked, in this sysfs: each
 * network namespace has its own.
 */
int sysfs_lock_bar(int fd);
void sysfs_unlock_bar(int fd);

#endif /* VGPU_STUB_SYSFS_H */
