/*
 * libvgpu-stub: which processes have a file
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_HOLDER_H
#define VGPU_STUB_HOLDER_H

#include <stddef.h>

/*
 * Find the process that holds flock() on the file @fd; 0 is nobody, or nobody
 * that we may see. It is the one that took the lock, or after its end a child
 * that has inherited it.
 */
int holder_find(int fd);

/*
 * How many processes that we may see have the file @path open; @pid is set to
 * the first, or 0.
 */
unsigned holder_count(const char *path, int *pid);

/* Write the name of process @pid, or "", to @name, which has @size bytes. */
void holder_name(int pid, char *name, size_t size);

#endif /* VGPU_STUB_HOLDER_H */
