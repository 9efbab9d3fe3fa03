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
#include <sys/ioctl.h>
#include <unistd.h>

struct transport {
    int fd;
};

static int check_queue(int fd)
{
    struct vgpu_stub_io_info info = { .size = sizeof(info) };

    if (ioctl(fd, VGPU_STUB_IO_INFO, &info) < 0) {
        return -errno;
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
    enter->size = sizeof(*enter);
    return ioctl(transport->fd, VGPU_STUB_IO_ENTER, enter) < 0 ? -errno : 0;
}
