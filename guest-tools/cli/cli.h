/*
 * vgpu-stub: what its commands share
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_CLI_H
#define VGPU_STUB_CLI_H

#include "vgpu-stub.h"

/* Exit statuses, as --help documents them */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_DEVICE = 3,
    EXIT_PERMISSION = 4,
    EXIT_BUSY = 5,
};

struct options {
    const char *device;     /* NULL: the first one */
    bool json;
    int size;               /* of an echo request, bytes */
    int timeout_ms;
};

/* The commands; each returns an exit status */
int command_list(const struct options *options);
int command_info(const struct options *options);
int command_regs(const struct options *options);
int command_echo(const struct options *options);

/* Names of the registers' values */
const char *priority_name(uint32_t priority);
const char *status_name(uint32_t status);

/*
 * What a negative errno of vgpu_stub_open() means to a user who asked for
 * @device; NULL is any
 */
const char *open_error(const char *device, int error);

/* Open the device of @options. Returns an exit status, a failure is said. */
int open_device(const struct options *options, struct vgpu_stub **dev);

/* Print "vgpu-stub: @where: " and a message; return EXIT_FAILED. */
int fail(const char *where, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* VGPU_STUB_CLI_H */
