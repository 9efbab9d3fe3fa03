/*
 * libvgpu-stub: the device's interrupt, where uio_pci_generic is bound to it
 *
 * The protocol is that of the kernel's Documentation/driver-api/uio-howto.rst,
 * "Generic PCI UIO driver".
 *
 * SPDX-License-Identifier: MIT
 */
#include "interrupt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

#define UIO_DRIVER "uio_pci_generic"

static bool has_driver(const char *bdf)
{
    char path[PATH_MAX], target[PATH_MAX];
    const char *name;
    ssize_t length;

    snprintf(path, sizeof(path), SYSFS_PCI_DEVICES "/%s/driver", bdf);
    length = readlink(path, target, sizeof(target) - 1);
    if (length < 0) {
        return false;
    }
    target[length] = '\0';
    name = strrchr(target, '/');
    return name && strcmp(name + 1, UIO_DRIVER) == 0;
}

/* Open /dev/uioN, whose name is that of the one entry in the folder uio. */
static int open_uio(const char *bdf)
{
    char path[PATH_MAX];
    struct dirent *entry;
    int fd = -1;
    DIR *dir;

    snprintf(path, sizeof(path), SYSFS_PCI_DEVICES "/%s/uio", bdf);
    dir = opendir(path);
    if (!dir) {
        return -1;
    }
    while (fd < 0 && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, "uio", strlen("uio")) == 0) {
            snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
            fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        }
    }
    closedir(dir);
    return fd;
}

void interrupt_open(struct interrupt *interrupt, const char *bdf)
{
    interrupt->uio = has_driver(bdf) ? open_uio(bdf) : -1;
    interrupt->config = -1;
    if (interrupt->uio < 0) {
        return;
    }
    interrupt->config = sysfs_open_attribute(bdf, "config", O_RDWR);
    if (interrupt->config < 0 ||
        pread(interrupt->config, &interrupt->command_high, 1,
              PCI_COMMAND + 1) != 1) {
        interrupt_close(interrupt);
        return;
    }
    interrupt->command_high &= ~(PCI_COMMAND_INTX_DISABLE >> 8);
}

void interrupt_close(struct interrupt *interrupt)
{
    if (interrupt->config >= 0) {
        close(interrupt->config);
    }
    if (interrupt->uio >= 0) {
        close(interrupt->uio);
    }
    *interrupt = INTERRUPT_NONE;
}

void interrupt_unmask(const struct interrupt *interrupt)
{
    /* If that fails, the device's user looks at it now and then all the same */
    ssize_t written = pwrite(interrupt->config, &interrupt->command_high, 1,
                             PCI_COMMAND + 1);

    (void)written;
}

bool interrupt_clear(const struct interrupt *interrupt)
{
    uint32_t count;

    return read(interrupt->uio, &count, sizeof(count)) == sizeof(count) ||
           errno == EAGAIN || errno == EINTR;
}
