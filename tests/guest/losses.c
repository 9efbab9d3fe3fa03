/*
 * losses: a program whose worker on the host is killed again and again
 *
 * To be run by an ordinary user, through the driver. It goes on until that has
 * happened COUNT times. Fails if an error is another one than documented, or if
 * it does not go on after one.
 *
 * Usage: losses COUNT
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vgpu-stub.h"

#define SIZE (3 << 20)

static struct vgpu_stub_outcome outcome;
static uint8_t data[SIZE], back[SIZE];

/* Whether the context was lost; what is neither that nor success is wrong. */
static bool is_lost(const char *what, int rc)
{
    if (rc == 0) {
        return false;
    }
    if (rc != -EREMOTEIO ||
        (outcome.error_code != VGPU_STUB_ERR_CONTEXT_LOST &&
         outcome.error_code != VGPU_STUB_ERR_BACKEND_ERROR)) {
        errx(EXIT_FAILURE, "%s: %s, error code 0x%x", what, strerror(-rc),
             rc == -EREMOTEIO ? outcome.error_code : 0);
    }
    return true;
}

/* Until it was lost */
static void use(struct vgpu_stub *dev)
{
    uint64_t handle;

    if (is_lost("alloc", vgpu_stub_mem_alloc(dev, SIZE, &handle, -1,
                                             &outcome))) {
        return;
    }
    for (unsigned i = 0;; i++) {
        memset(data, i, SIZE);
        if (is_lost("write", vgpu_stub_mem_write(dev, handle, 0, data, SIZE,
                                                 -1, 0, &outcome)) ||
            is_lost("read", vgpu_stub_mem_read(dev, handle, 0, back, SIZE, -1,
                                               0, &outcome))) {
            return;
        }
        if (memcmp(data, back, SIZE) != 0) {
            errx(EXIT_FAILURE, "other data came back");
        }
    }
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 0;
    struct vgpu_stub *dev;
    int rc = vgpu_stub_open(NULL, &dev);

    if (rc < 0) {
        errx(EXIT_FAILURE, "open: %s", strerror(-rc));
    }
    for (int i = 0; i < count; i++) {
        use(dev);
    }
    vgpu_stub_close(dev);
    printf("losses: %d, and it goes on\n", count);
    return EXIT_SUCCESS;
}
