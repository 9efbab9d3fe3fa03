/*
 * libvgpu-stub: the files of the kernel's driver, /dev/vgpu-stub*
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE             /* versionsort() */
#include "devfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vgpu-stub-regs.h"

static int call(int fd, unsigned long command, void *args)
{
    return ioctl(fd, command, args) < 0 ? -errno : 0;
}

int devfile_info(int fd, struct vgpu_stub_io_info *info)
{
    *info = (struct vgpu_stub_io_info) { .size = sizeof(*info) };
    return call(fd, VGPU_STUB_IO_INFO, info);
}

int devfile_enter(int fd, struct vgpu_stub_io_enter *enter)
{
    enter->size = sizeof(*enter);
    return call(fd, VGPU_STUB_IO_ENTER, enter);
}

int devfile_cancel(int fd, uint64_t user_data)
{
    const struct vgpu_stub_io_submission submission = {
        .request = user_data,
        .flags = VGPU_STUB_IO_CANCEL,
    };
    struct vgpu_stub_io_enter enter = {
        .submissions = (uintptr_t)&submission,
        .submit_count = 1,
    };

    return devfile_enter(fd, &enter);
}

static int open_file(const char *name, struct vgpu_stub_io_info *info)
{
    char path[sizeof("/dev/") + sizeof(((struct dirent *)NULL)->d_name)];
    int fd, rc;

    snprintf(path, sizeof(path), "/dev/%s", name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
    }
    rc = devfile_info(fd, info);
    if (rc < 0) {
        close(fd);
        return rc == -ENOTTY ? -ENODEV : rc;
    }
    return fd;
}

/* "vgpu-stub0", "vgpu-stub1", … */
static int select_file(const struct dirent *entry)
{
    const size_t length = strlen("vgpu-stub");
    const char *number = entry->d_name + length;

    return strncmp(entry->d_name, "vgpu-stub", length) == 0 && *number &&
           strspn(number, "0123456789") == strlen(number);
}

/*
 * What was found so far: @fd and @info of the best, or an error; @next is
 * another, and is it or is closed.
 */
static void choose(const char *bdf, int *fd, struct vgpu_stub_io_info *info,
                   int next, const struct vgpu_stub_io_info *next_info)
{
    if (next < 0) {
        if (*fd < 0) {
            *fd = next == -ENODEV ? *fd : next;
        }
    } else if (bdf ? strncmp(bdf, next_info->pci_address,
                             sizeof(next_info->pci_address)) == 0
                   : *fd < 0 || (!(info->link & VGPU_STUB_LINK_UP) &&
                                 (next_info->link & VGPU_STUB_LINK_UP))) {
        if (*fd >= 0) {
            close(*fd);
        }
        *fd = next;
        *info = *next_info;
    } else {
        close(next);
    }
}

int devfile_open(const char *bdf, struct vgpu_stub_io_info *info)
{
    struct dirent **entries;
    int count, fd = -ENODEV;

    count = scandir("/dev", &entries, select_file, versionsort);
    if (count < 0) {
        return errno == ENOENT ? -ENODEV : -errno;
    }
    for (int i = 0; i < count; i++) {
        struct vgpu_stub_io_info next_info;
        int next = open_file(entries[i]->d_name, &next_info);

        choose(bdf, &fd, info, next, &next_info);
        free(entries[i]);
    }
    free(entries);
    return fd;
}
