/*
 * vgpu-stub: the files that receive results
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_OUTPUT_H
#define VGPU_STUB_OUTPUT_H

#include <stddef.h>

/*
 * Make the @size bytes at @data the contents of the file. A regular file has
 * the old contents or the new ones whatever happens, and keeps its mode. What
 * is something else (a device, a FIFO, a symbolic link) stays what it is and is
 * written to. Returns 0 or a negative errno.
 */
int write_output(const char *path, const void *data, size_t size);

#endif /* VGPU_STUB_OUTPUT_H */
