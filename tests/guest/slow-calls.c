/*
 * slow-calls: requests that take longer than the library looks without sleep
 *
 * To be run as root in a guest whose first device has the mediator of
 * scripted_mediator.py.
 *
 * Usage: slow-calls COUNT MS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <sys/resource.h>

#include "script.h"

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1;
    int ms = argc > 2 ? atoi(argv[2]) : 0;
    struct vgpu_stub *dev = script_open();
    struct rusage usage;
    int rc = 0;

    for (int i = 0; rc == 0 && i < count; i++) {
        rc = script_call(dev, script_request(ms, 0, SCRIPT_NONE), -1, NULL);
    }
    if (rc < 0) {
        errx(EXIT_FAILURE, "%s", strerror(-rc));
    }
    vgpu_stub_close(dev);
    getrusage(RUSAGE_SELF, &usage);
    printf("slow-calls: %d done, %ld sleeps\n", count, usage.ru_nvcsw);
    return EXIT_SUCCESS;
}
