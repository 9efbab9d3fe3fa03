/*
 * vgpu-stub list: the devices of this machine
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEVICES 256

/* Open the device for as long as it takes to read what it is. */
static int look(const char *bdf, struct vgpu_stub_info *info)
{
    struct vgpu_stub *dev;
    int rc;

    rc = vgpu_stub_open(bdf, &dev);
    if (rc < 0) {
        return rc;
    }
    rc = vgpu_stub_get_info(dev, info);
    vgpu_stub_close(dev);
    return rc;
}

static void print_text(const char *bdf)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    int rc;

    rc = look(bdf, &info);
    if (rc < 0) {
        printf("%-14s%s\n", bdf, open_error(bdf, rc));
    } else {
        printf("%-14s%-6c%-10s%-12u%s\n", bdf, info.pool,
               priority_name(info.priority), info.vm_id,
               info.link_up ? "up" : "down");
    }
}

static void print_json(const char *bdf)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    int rc;

    rc = look(bdf, &info);
    if (rc < 0) {
        printf("{\"device\": \"%s\", \"problem\": \"%s\"}", bdf,
               open_error(bdf, rc));
    } else {
        printf("{\"device\": \"%s\", \"pool\": \"%c\", \"priority\": \"%s\", "
               "\"vm_id\": %u, \"link_up\": %s}", bdf, info.pool,
               priority_name(info.priority), info.vm_id,
               info.link_up ? "true" : "false");
    }
}

static int run(const struct options *options)
{
    char bdf[MAX_DEVICES][VGPU_STUB_BDF_SIZE];
    int count;

    count = vgpu_stub_list(bdf, MAX_DEVICES);
    if (count < 0) {
        return fail("list", "%s", strerror(-count));
    }
    if (count > MAX_DEVICES) {
        count = MAX_DEVICES;
    }

    if (options->json) {
        putchar('[');
        for (int i = 0; i < count; i++) {
            fputs(i > 0 ? ",\n " : "", stdout);
            print_json(bdf[i]);
        }
        puts("]");
    } else if (count > 0) {
        puts("DEVICE        POOL  PRIORITY  VM ID       LINK");
        for (int i = 0; i < count; i++) {
            print_text(bdf[i]);
        }
    }
    if (count == 0) {
        fail("list", "%s", open_error(NULL, -ENODEV));
        return EXIT_NO_DEVICE;
    }
    return EXIT_OK;
}

const struct command command_list = {
    .name = "list",
    .summary = "show all devices, one line each",
    .options = TAKES(JSON) | TAKES(HELP),
    .run = run,
};
