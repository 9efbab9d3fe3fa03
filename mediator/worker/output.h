/*
 * What kernels print, for the guest whose they are
 *
 * Drivers write what a kernel's printf() has to say to this process's
 * standard output, from any thread of theirs. That is a pipe here, which nobody
 * else reads. Who prints more than it holds does not wait: drivers lose the
 * rest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OUTPUT_H
#define WORKER_OUTPUT_H

#include <glib.h>
#include <stdint.h>

/* Bytes that the pipe holds, at most */
#define OUTPUT_SIZE 65536

typedef struct Output Output;

/*
 * Make standard output such a pipe, for the life of the process. Before there
 * is a driver, which may look what it is.
 */
Output *output_new(GError **error);
void output_free(Output *output);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Output, output_free)

/* Take what was printed since the last time; returns how many bytes that is. */
size_t output_read(Output *output, uint8_t bytes[OUTPUT_SIZE]);

#endif /* WORKER_OUTPUT_H */
