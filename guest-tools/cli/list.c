/*
 * vgpu-stub list: the devices of this machine
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "cause.h"

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

/* Each prints a device, and returns an exit status: why it cannot be used. */

static int print_text(const char *bdf)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct cause cause;
    int rc;

    rc = look(bdf, &info);
    if (rc < 0) {
        find_cause(bdf, rc, &cause);
        printf("%-14s%s\n", bdf, cause.text);
    } else {
        printf("%-14s%-6c%-10s%-12u%s\n", bdf, info.pool,
               priority_name(info.priority), info.vm_id,
               info.link_up ? "up" : "down");
    }
    return open_status(rc);
}

static int print_json(const char *bdf)
{
    struct vgpu_stub_info info = { .struct_size = sizeof(info) };
    struct cause cause;
    int rc;

    rc = look(bdf, &info);
    if (rc < 0) {
        find_cause(bdf, rc, &cause);
        printf("{\"device\": \"%s\", \"problem\": ", bdf);
        print_json_string(cause.text);
        putchar('}');
    } else {
        printf("{\"device\": \"%s\", \"pool\": \"%c\", \"priority\": \"%s\", "
               "\"vm_id\": %u, \"link_up\": %s}", bdf, info.pool,
               priority_name(info.priority), info.vm_id,
               info.link_up ? "true" : "false");
    }
    return open_status(rc);
}

/* Prints them all; returns the exit status of the first that is not EXIT_OK. */
static int print_all(char bdf[][VGPU_STUB_BDF_SIZE], int count, bool json)
{
    int status = EXIT_OK;

    if (json) {
        putchar('[');
    } else if (count > 0) {
        puts("DEVICE        POOL  PRIORITY  VM ID       LINK");
    }
    for (int i = 0; i < count; i++) {
        int own;

        fputs(json && i > 0 ? ",\n " : "", stdout);
        own = (json ? print_json : print_text)(bdf[i]);
        if (status == EXIT_OK) {
            status = own;
        }
    }
    if (json) {
        puts("]");
    }
    return status;
}

static int run(const struct options *options)
{
    char bdf[MAX_DEVICES][VGPU_STUB_BDF_SIZE];
    int count, status;

    count = vgpu_stub_list(bdf, MAX_DEVICES);
    if (count < 0) {
        return fail("list", "%s", strerror(-count));
    }
    if (count > MAX_DEVICES) {
        count = MAX_DEVICES;
    }
    status = print_all(bdf, count, options->json);
    if (count == 0) {
        fail("list", "no vgpu-stub device in this machine; the host has to "
             "attach one");
        return EXIT_NO_DEVICE;
    }
    return status;
}

const struct command command_list = {
    .name = "list",
    .summary = "show all devices, one line each",
    .details = "The exit status is that of the first device that cannot be "
               "used.\n",
    .options = TAKES(JSON) | TAKES(HELP),
    .run = run,
};
