/*
 * vgpu-stub free: free the accelerator's memory that programs have left
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run(const struct options *options)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct vgpu_stub_outcome outcome;
    struct vgpu_stub *dev;
    uint64_t bytes = 0;
    int rc;

    rc = open_device(options, &dev);
    if (rc != EXIT_OK) {
        return rc;
    }
    rc = vgpu_stub_get_info(dev, &info);
    if (rc < 0) {
        rc = fail("free", "%s", strerror(-rc));
        goto out;
    }
    rc = vgpu_stub_mem_free_all(dev, &bytes, options->timeout_ms, &outcome);
    if (rc < 0) {
        rc = fail_request("free", rc, &outcome, options);
    } else if (options->json) {
        printf("{\"device\": \"%s\", \"freed_bytes\": %" PRIu64 "}\n",
               info.bdf, bytes);
    } else {
        printf("free: %" PRIu64 " bytes freed\n", bytes);
    }

out:
    vgpu_stub_close(dev);
    return rc;
}

const struct command command_free = {
    .name = "free",
    .summary = "free all accelerator memory that came through a device",
    .details = "Without the driver, a program that dies leaves its memory "
               "allocated. This frees it,\nbut also that of programs that still "
               "use the device. With the driver memory\nends with its program, "
               "and there is nothing to free.\n",
    .options = TAKES(DEVICE) | TAKES(JSON) | TAKES(TIMEOUT) | TAKES(HELP),
    .timeout_ms = TIMEOUT_MS,
    .run = run,
};
