/*
 * A device's BAR for test programs that go around the library
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RAW_BAR_H
#define RAW_BAR_H

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vgpu-stub.h"

/* Write the address of the first device to @bdf, or end the program. */
static inline void first_device(char bdf[VGPU_STUB_BDF_SIZE])
{
    if (vgpu_stub_list((char (*)[VGPU_STUB_BDF_SIZE])bdf, 1) < 1) {
        errx(EXIT_FAILURE, "no vgpu-stub device");
    }
}

/*
 * Map the BAR of the device at @bdf, without a lock, or end the program. Its
 * memory decoding has to be on.
 */
static inline volatile void *map_raw_bar(const char *bdf)
{
    char path[128];
    void *bar;
    int fd;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", bdf);
    fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
    if (fd < 0) {
        err(EXIT_FAILURE, "%s", path);
    }
    bar = mmap(NULL, VGPU_STUB_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
               fd, 0);
    if (bar == MAP_FAILED) {
        err(EXIT_FAILURE, "mmap %s", path);
    }
    close(fd);
    return bar;
}

#endif /* RAW_BAR_H */
