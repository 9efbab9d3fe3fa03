/*
 * Launchers: what the operator has chosen to start workers on other hosts
 *
 * A launcher is the value of launcher= of a pool in mediatord.conf: words, which
 * are a program and its arguments. vgpu-gate and its options are put after them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_LAUNCHERS_H
#define STARTER_LAUNCHERS_H

#include <stdbool.h>

#define LAUNCHER_WORDS_MAX 64
#define LAUNCHER_SIZE 1024      /* bytes of the value, with a NUL */

/* Words of a launcher, then the gate and its options, and NULL */
typedef struct LauncherCommand {
    char words[LAUNCHER_SIZE];
    const char *argv[LAUNCHER_WORDS_MAX + 20];
} LauncherCommand;

/*
 * Make *@command of @arguments, NULL-terminated: a launcher and options for the
 * gate. False unless the file at @config, as it is now, has that launcher for a
 * pool, and the options are allowed.
 */
bool launchers_command(const char *config, const char *const *arguments,
                       LauncherCommand *command);

#endif /* STARTER_LAUNCHERS_H */
