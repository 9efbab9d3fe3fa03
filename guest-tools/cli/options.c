/*
 * vgpu-stub: the options of its commands
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

#define HELP_COLUMN 20

/* Each begins with the option's name. */
static const struct {
    const char *name;
    const char *value;          /* what it takes; NULL: nothing */
    const char *help;
} table[OPTIONS] = {
    [OPTION_DEVICE] = { "device", "BDF",
        "use the device at this PCI address, such as 0000:00:1e.0\n"
        "or 00:1e.0; default: the first that can be opened" },
    [OPTION_JSON] = { "json", NULL, "print JSON" },
    [OPTION_SIZE] = { "size", "BYTES",
        "size of a request with its header:" },
    [OPTION_TIMEOUT] = { "timeout", "MS",
        "how long to wait for an answer:" },
    [OPTION_COUNT] = { "count", "N",
        "how many requests or looks:" },
    [OPTION_INTERVAL] = { "interval", "MS",
        "time from one look to the next:" },
    [OPTION_IN] = { "in", "FILE",
        "a buffer with what is in FILE" },
    [OPTION_OUT] = { "out", "FILE[:N]",
        "a buffer of N zero bytes, which is written to FILE when\n"
        "the kernel is done; default: as large as the first --in" },
    [OPTION_INOUT] = { "inout", "FILE",
        "a buffer with what is in FILE, which is written back when\n"
        "the kernel is done" },
    [OPTION_U32] = { "u32", "N", "an integer of 32 bits, signed or not" },
    [OPTION_U64] = { "u64", "N", "an integer of 64 bits, signed or not" },
    [OPTION_F32] = { "f32", "X", "a floating-point number of 32 bits" },
    [OPTION_F64] = { "f64", "X", "a floating-point number of 64 bits" },
    [OPTION_GLOBAL] = { "global", "X[,Y[,Z]]",
        "number of work items in each dimension; default: one for\n"
        "each 4 bytes of the largest buffer, in one dimension" },
    [OPTION_LOCAL] = { "local", "X[,Y[,Z]]",
        "number of work items of a group in each dimension;\n"
        "default: as the host sees fit" },
    [OPTION_HELP] = { "help", NULL, "print this help" },
};

/* What an option takes that is a number */
static const struct {
    int min, max;
    const char *unit;           /* with a space before it */
} ranges[OPTIONS] = {
    [OPTION_SIZE] = { sizeof(struct vgpu_stub_request), VGPU_STUB_BUF_SIZE,
                      " bytes" },
    [OPTION_TIMEOUT] = { 0, INT_MAX, " milliseconds" },
    [OPTION_COUNT] = { 1, 1000000, "" },
    [OPTION_INTERVAL] = { 1, 3600000, " milliseconds" },
};

_Noreturn void usage_error(const char *what, const char *message)
{
    fprintf(stderr, "vgpu-stub: %s: %s; see vgpu-stub --help\n", what,
            message);
    exit(EXIT_USAGE);
}

static void print_option(enum option_id id)
{
    const char *line = table[id].help;
    int width;

    width = printf("  --%s%s%s", table[id].name, table[id].value ? " " : "",
                   table[id].value ? table[id].value : "");
    for (;;) {
        int length = strcspn(line, "\n");

        printf("%*s%.*s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "",
               length, line);
        if (line[length] == '\0') {
            return;
        }
        line += length + 1;
        width = 0;
    }
}

/* What the number of an option may be, and is where it is not given */
static void print_range(const struct options *presets, enum option_id id)
{
    const int preset = id == OPTION_SIZE ? presets->size
                     : id == OPTION_TIMEOUT ? presets->timeout_ms
                     : id == OPTION_COUNT ? presets->count
                     : presets->interval_ms;

    printf("%*s%d to %d%s; default: ", HELP_COLUMN, "", ranges[id].min,
           ranges[id].max, ranges[id].unit);
    if (preset > 0) {
        printf("%d\n", preset);
    } else {
        puts(id == OPTION_TIMEOUT ? "the device's" : "no end");
    }
}

static struct options make_presets(const struct command *command)
{
    return (struct options) {
        .size = VGPU_STUB_BUF_SIZE,
        .timeout_ms = command->timeout_ms,
        .count = command->count,
        .interval_ms = 1000,
    };
}

static _Noreturn void print_help(const struct command *command)
{
    const struct options presets = make_presets(command);

    printf("Usage: vgpu-stub %s [OPTION]...%s%s\n", command->name,
           command->argument ? " " : "",
           command->argument ? command->argument : "");
    printf("%c%s.\n", command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->details) {
        printf("\n%s", command->details);
    }
    puts("\nOptions:");
    for (enum option_id id = 0; id < OPTIONS; id++) {
        if (command->options & (1u << id)) {
            print_option(id);
            if (ranges[id].max > 0) {
                print_range(&presets, id);
            }
        }
    }
    exit(finish_output(EXIT_OK));
}

/* Parse a decimal number that the option takes, or end. */
static int parse_number(const char *text, enum option_id id)
{
    const int min = ranges[id].min, max = ranges[id].max;
    char *end, message[80];
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 ||
        value < min || value > max) {
        snprintf(message, sizeof(message), "--%s takes %d to %d%s",
                 table[id].name, min, max, ranges[id].unit);
        usage_error(text, message);
    }
    return value;
}

static void parse_nd_range(const char *text, struct nd_range *range)
{
    const char *at = text;
    char *end;

    *range = (struct nd_range) { .size = { 1, 1, 1 } };
    for (;;) {
        unsigned long value;

        errno = 0;
        value = strtoul(at, &end, 10);
        if (*at < '0' || *at > '9' || errno != 0 || value == 0 ||
            value > UINT32_MAX) {
            break;
        }
        range->size[range->dimensions++] = value;
        if (*end == '\0') {
            return;
        }
        if (*end != ',' || range->dimensions == 3) {
            break;
        }
        at = end + 1;
    }
    usage_error(text, "--global and --local take one to three numbers from 1 "
                "to 4294967295, with commas");
}

static void add_kernel_arg(struct options *options, enum option_id kind,
                           const char *text)
{
    if (options->kernel_arg_count == VGPU_STUB_KERNEL_ARGS_MAX) {
        usage_error(text, "more arguments than any kernel has");
    }
    options->kernel_args[options->kernel_arg_count++] =
        (struct kernel_arg) { .kind = kind, .text = text };
}

static void parse_option(const struct command *command, enum option_id id,
                         struct options *options)
{
    switch (id) {
    case OPTION_DEVICE:
        options->device = optarg;
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_SIZE:
        options->size = parse_number(optarg, id);
        break;
    case OPTION_TIMEOUT:
        options->timeout_ms = parse_number(optarg, id);
        break;
    case OPTION_COUNT:
        options->count = parse_number(optarg, id);
        break;
    case OPTION_INTERVAL:
        options->interval_ms = parse_number(optarg, id);
        break;
    case OPTION_GLOBAL:
        parse_nd_range(optarg, &options->global);
        break;
    case OPTION_LOCAL:
        parse_nd_range(optarg, &options->local);
        break;
    case OPTION_HELP:
        print_help(command);
    default:
        add_kernel_arg(options, id, optarg);
    }
}

void parse_options(const struct command *command, int argc, char **argv,
                   struct options *options)
{
    struct option long_options[OPTIONS + 1];
    static char name[32];
    int count = 0, id;

    *options = make_presets(command);
    for (id = 0; id < OPTIONS; id++) {
        if (command->options & (1u << id)) {
            long_options[count++] = (struct option) {
                .name = table[id].name,
                .has_arg = table[id].value ? required_argument : no_argument,
                .val = id,
            };
        }
    }
    long_options[count] = (struct option) { .name = NULL };

    /* getopt_long() begins its messages with this */
    snprintf(name, sizeof(name), "vgpu-stub %s", command->name);
    argv[0] = name;
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (id == '?') {
            exit(EXIT_USAGE);       /* it has said why */
        }
        parse_option(command, id, options);
    }

    if (command->argument && optind == argc) {
        usage_error(command->argument, "is missing");
    }
    if (command->argument) {
        options->argument = argv[optind++];
    }
    if (optind < argc) {
        usage_error(argv[optind], "one word too many");
    }
}
