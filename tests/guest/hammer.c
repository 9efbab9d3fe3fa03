/*
 * hammer: echoes as fast as they go, beside another that does the same
 *
 * To be run as root in a guest, twice, in two network namespaces that have
 * each mounted a sysfs: then both open the device. Prints what the requests
 * ended as; fails if one returned what it was not sent, or as what is not
 * documented.
 *
 * Usage: hammer SEED COUNT
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vgpu-stub.h"

struct counts {
    unsigned right, busy, cancelled, undocumented, wrong;
};

static void count(struct counts *counts, int rc,
                  const struct vgpu_stub_outcome *outcome)
{
    if (rc == 0) {
        counts->right++;
    } else if (rc == -EBUSY) {
        counts->busy++;
    } else if (rc == -EBADMSG) {
        counts->wrong++;
    } else if (rc == -EREMOTEIO &&
               (outcome->error_code == VGPU_STUB_ERR_CANCELLED ||
                outcome->error_code == VGPU_STUB_ERR_INVALID_REQUEST)) {
        counts->cancelled++;    /* the other aborted it, or wrote into it */
    } else {
        counts->undocumented++;
        printf("# %s, error code 0x%x\n", strerror(-rc), outcome->error_code);
    }
}

int main(int argc, char **argv)
{
    unsigned seed = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned number = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    struct counts counts = { .right = 0 };
    uint8_t data[VGPU_STUB_ECHO_MAX];
    struct vgpu_stub *dev;
    int rc = vgpu_stub_open(NULL, &dev);

    if (rc < 0) {
        errx(EXIT_FAILURE, "cannot open: %s", strerror(-rc));
    }
    for (unsigned i = 0; i < number; i++) {
        struct vgpu_stub_outcome outcome = { .error_code = 0 };
        size_t length = i * 61 % sizeof(data);

        for (size_t j = 0; j < length; j++) {
            data[j] = seed + i + j;
        }
        rc = vgpu_stub_echo(dev, data, length, 10000, &outcome);
        count(&counts, rc, &outcome);
    }
    vgpu_stub_close(dev);
    printf("hammer: right %u busy %u cancelled %u undocumented %u wrong %u\n",
           counts.right, counts.busy, counts.cancelled, counts.undocumented,
           counts.wrong);
    return counts.wrong + counts.undocumented ? EXIT_FAILURE : EXIT_SUCCESS;
}
