/*
 * remoting: the way to a worker through the guest's driver
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "devfile.h"

struct transport {
    int fd;
};

static int check_queue(int fd)
{
    struct vgpu_stub_io_info info;
    const int rc = devfile_info(fd, &info);

    if (rc < 0) {
        return rc;
    }
    return info.flags & VGPU_STUB_IO_INFO_QUEUE ? 0 : -EOPNOTSUPP;
}

int transport_open(unsigned number, struct transport **transport)
{
    char path[32];
    int fd, rc;

    snprintf(path, sizeof(path), "/dev/vgpu-stub%u", number);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    rc = check_queue(fd);
    *transport = rc < 0 ? NULL : malloc(sizeof(**transport));
    if (!*transport) {
        close(fd);
        return rc < 0 ? rc : -ENOMEM;
    }
    (*transport)->fd = fd;
    return 0;
}

void transport_close(struct transport *transport)
{
    close(transport->fd);
    free(transport);
}

int transport_enter(struct transport *transport,
                    struct vgpu_stub_io_enter *enter)
{
    return devfile_enter(transport->fd, enter);
}
