/*
 * vgpu-stub: the options of its commands
 *
 * An option means the same in every command that takes it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_OPTIONS_H
#define VGPU_STUB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "vgpu-stub.h"

enum option_id {
    OPTION_DEVICE,
    OPTION_JSON,
    OPTION_SIZE,
    OPTION_TIMEOUT,
    OPTION_COUNT,
    OPTION_INTERVAL,
    OPTION_IN,
    OPTION_OUT,
    OPTION_INOUT,
    OPTION_U32,
    OPTION_U64,
    OPTION_F32,
    OPTION_F64,
    OPTION_GLOBAL,
    OPTION_LOCAL,
    OPTION_HELP,
    OPTIONS,
};

/* The bit of an option in struct command's set of them */
#define TAKES(name) (1u << OPTION_##name)

/* --in, --out, --inout, --u32, … in the order of the command line */
struct kernel_arg {
    enum option_id kind;
    const char *text;
};

struct nd_range {
    unsigned dimensions;        /* 0: not given */
    uint32_t size[3];           /* 1 above the dimensions */
};

struct options {
    const char *argument;       /* what is not an option */
    const char *device;         /* NULL: the first one */
    bool json;
    int size;                   /* of an echo request, bytes */
    int timeout_ms;             /* negative: the device's own limit */
    int count;                  /* 0: no end */
    int interval_ms;
    struct nd_range global;
    struct nd_range local;
    struct kernel_arg kernel_args[VGPU_STUB_KERNEL_ARGS_MAX];
    unsigned kernel_arg_count;
};

struct command;

/*
 * Parse the command line of @command, whose first word argv[0] is the
 * command's name. Ends the program for --help and for wrong usage.
 */
void parse_options(const struct command *command, int argc, char **argv,
                   struct options *options);

/* Say what is wrong with the command line and end. */
_Noreturn void usage_error(const char *what, const char *message);

#endif /* VGPU_STUB_OPTIONS_H */
