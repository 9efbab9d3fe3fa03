/*
 * What kernels print, for the guest whose they are
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* pipe2(), F_SETPIPE_SZ */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <unistd.h>

struct Output {
    int fd;                     /* to read from */
};

Output *output_new(GError **error)
{
    Output *output;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0 ||
        dup2(fds[1], STDOUT_FILENO) < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "stdout: %s", g_strerror(errno));
        return NULL;
    }
    close(fds[1]);
    /* It stays smaller where this user has too many pipes. */
    fcntl(fds[0], F_SETPIPE_SZ, OUTPUT_SIZE);
    output = g_new(Output, 1);
    output->fd = fds[0];
    return output;
}

void output_free(Output *output)
{
    close(output->fd);
    g_free(output);
}

size_t output_read(Output *output, uint8_t bytes[OUTPUT_SIZE])
{
    ssize_t size;

    /* Some drivers print with stdio. */
    fflush(stdout);
    /* Once: a program on the CPU can have left something that prints on. */
    do {
        size = read(output->fd, bytes, OUTPUT_SIZE);
    } while (size < 0 && errno == EINTR);
    return MAX(size, 0);
}
