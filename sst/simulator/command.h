/*
 * A QEMU that the simulator starts itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_COMMAND_H
#define SST_SIM_COMMAND_H

#include <glib.h>

#include "simulation.h"

typedef struct Command Command;

/* @status is what a shell would call the exit status. */
typedef void (*CommandEnded)(int status, gpointer opaque);

/*
 * The options that give a QEMU the devices of @simulation;
 * NULL-terminated, to be freed with g_strfreev().
 */
char **command_qemu_options(const Simulation *simulation);

/*
 * Start the program @argv[0] with its arguments and the options of
 * @simulation after them. NULL with @error set when that fails. It is killed
 * when the thread ends that has started it.
 */
Command *command_start(char **argv, const Simulation *simulation,
                       CommandEnded ended, gpointer opaque, GError **error);

/* Ask the program to end, as with SIGTERM. */
void command_stop(Command *command);

void command_free(Command *command);

#endif /* SST_SIM_COMMAND_H */
