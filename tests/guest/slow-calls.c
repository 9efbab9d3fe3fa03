/*
 * slow-calls: requests that take longer than the library looks without sleep
 *
 * To be run as root in a guest whose first device has the mediator of
 * puppet.py.
 *
 * Usage: slow-calls COUNT
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>

#include "puppet.h"

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1;
    struct vgpu_stub *dev;
    int rc = vgpu_stub_open(NULL, &dev);

    for (int i = 0; rc == 0 && i < count; i++) {
        rc = puppet_call(dev, puppet_request(20, 0, PUPPET_NONE), -1, NULL);
    }
    if (rc < 0) {
        errx(EXIT_FAILURE, "%s", strerror(-rc));
    }
    vgpu_stub_close(dev);
    printf("slow-calls: %d done\n", count);
    return EXIT_SUCCESS;
}
