/*
 * vgpu-stub: look at a vgpu-stub device and try it
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: vgpu-stub COMMAND [OPTION]...\n"
    "Look at a vgpu-stub device and try it.\n"
    "\n"
    "Commands:\n"
    "  list            show all devices, one line each\n"
    "  info            show what a device is\n"
    "  regs            show a device's registers\n"
    "  echo            send a request to the mediator, compare what comes "
    "back\n"
    "\n"
    "Options:\n"
    "  --device BDF    use the device at this PCI address, such as "
    "0000:00:1e.0\n"
    "                  or 00:1e.0 (info, regs, echo; default: the first "
    "one)\n"
    "  --json          print JSON\n"
    "  --size BYTES    size of the request with its 32-byte header, 32 to "
    "1024\n"
    "                  (echo; default: 1024)\n"
    "  --timeout MS    how long to wait for an answer, in milliseconds\n"
    "                  (echo; default: 5000)\n"
    "  --help          print this help\n"
    "  --version       print the version\n"
    "\n"
    "Exit status:\n"
    "  0  success\n"
    "  1  the request failed, or anything not listed here\n"
    "  2  wrong usage\n"
    "  3  no such device\n"
    "  4  no permission: run as root\n"
    "  5  the device is in use by another process\n";

static const struct command {
    const char *name;
    int (*run)(const struct options *options);
    bool takes_device;
    bool takes_request;         /* --size and --timeout */
} commands[] = {
    { "list", command_list, false, false },
    { "info", command_info, true, false },
    { "regs", command_regs, true, false },
    { "echo", command_echo, true, true },
};

/* Say what is wrong with the command line and end. */
static _Noreturn void usage_error(const char *what, const char *message)
{
    fprintf(stderr, "vgpu-stub: %s: %s; see vgpu-stub --help\n", what,
            message);
    exit(EXIT_USAGE);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    usage_error(name, "no such command");
}

/* Parse a decimal number from @min to @max, or end with @message. */
static int parse_number(const char *text, int min, int max,
                        const char *message)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 ||
        value < min || value > max) {
        usage_error(text, message);
    }
    return value;
}

int main(int argc, char **argv)
{
    enum { DEVICE = 1, JSON, SIZE, TIMEOUT, HELP, VERSION };
    static const struct option long_options[] = {
        { "device", required_argument, NULL, DEVICE },
        { "json", no_argument, NULL, JSON },
        { "size", required_argument, NULL, SIZE },
        { "timeout", required_argument, NULL, TIMEOUT },
        { "help", no_argument, NULL, HELP },
        { "version", no_argument, NULL, VERSION },
        { NULL, 0, NULL, 0 },
    };
    struct options options = {
        .size = VGPU_STUB_BUF_SIZE,
        .timeout_ms = 5000,
    };
    const struct command *command;
    bool request_options = false;
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case DEVICE:
            options.device = optarg;
            break;
        case JSON:
            options.json = true;
            break;
        case SIZE:
            options.size = parse_number(optarg,
                                        sizeof(struct vgpu_stub_request),
                                        VGPU_STUB_BUF_SIZE,
                                        "--size takes 32 to 1024 bytes");
            request_options = true;
            break;
        case TIMEOUT:
            options.timeout_ms = parse_number(optarg, 0, INT_MAX,
                                              "--timeout takes milliseconds, "
                                              "0 to 2147483647");
            request_options = true;
            break;
        case HELP:
            fputs(help, stdout);
            return EXIT_OK;
        case VERSION:
            printf("vgpu-stub %s (protocol %u.%u)\n",
                   VGPU_STUB_LIBRARY_VERSION,
                   VGPU_STUB_PROTOCOL_VERSION >> 16,
                   VGPU_STUB_PROTOCOL_VERSION & 0xffff);
            return EXIT_OK;
        default:
            return EXIT_USAGE;      /* getopt_long() has said why */
        }
    }

    if (optind == argc) {
        usage_error("a command is missing", "list, info, regs or echo");
    }
    command = find_command(argv[optind]);
    if (optind + 1 < argc) {
        usage_error(argv[optind + 1], "more than one command");
    }
    if (options.device && !command->takes_device) {
        usage_error("--device", "the command takes no device");
    }
    if (request_options && !command->takes_request) {
        usage_error("--size, --timeout", "for echo only");
    }
    return command->run(&options);
}
