/*
 * vgpu-stub: look at a vgpu-stub device and use it
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_list,
    &command_info,
    &command_regs,
    &command_watch,
    &command_doctor,
    &command_echo,
    &command_bench,
    &command_kernels,
    &command_run,
    &command_free,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    puts("Usage: vgpu-stub COMMAND [OPTION]...\n"
         "Look at a vgpu-stub device and use it.\n"
         "\n"
         "Commands:");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  %-8s  %s\n", commands[i]->name, commands[i]->summary);
    }
    puts("\n"
         "Options:\n"
         "  --help     print this help; after a command, the command's\n"
         "  --version  print the version\n"
         "\n"
         "Exit status:\n"
         "  0  success\n"
         "  1  the request failed, or anything not listed here\n"
         "  2  wrong usage\n"
         "  3  no such device\n"
         "  4  no permission; vgpu-stub doctor says what is missing\n"
         "  5  the device is in use by another process\n"
         "  6  the host does not serve the device now; vgpu-stub doctor says "
         "why");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    usage_error(name, "no such command");
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct options options;

    if (argc < 2) {
        usage_error("a command is missing", "what is to be done?");
    }
    if (strcmp(argv[1], "--help") == 0) {
        print_help();
        return finish_output(EXIT_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("vgpu-stub %s (protocol %u.%u)\n", vgpu_stub_version(),
               VGPU_STUB_PROTOCOL_VERSION >> 16,
               VGPU_STUB_PROTOCOL_VERSION & 0xffff);
        return finish_output(EXIT_OK);
    }
    command = find_command(argv[1]);
    parse_options(command, argc - 1, argv + 1, &options);
    return finish_output(command->run(&options));
}
