/*
 * What runs launchers for the daemon
 *
 * It is a vgpu-starter with --launchers: in the service another unit, which has a
 * network, and else a process of the daemon's own. It is needed when a pool has
 * a launcher; one that has ended is replaced when it is needed again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_LAUNCHER_HOST_H
#define MEDIATOR_LAUNCHER_HOST_H

#include "starter-client.h"

typedef struct LauncherHost LauncherHost;

/*
 * It listens at @socket; or, with NULL, it is @program, to be run with the
 * configuration @config, which is NULL if there is none.
 */
LauncherHost *launcher_host_new(const char *socket, const char *program,
                                const char *config);
void launcher_host_free(LauncherHost *host);

/*
 * What starts launchers, valid until the main loop runs; NULL with a G_IO_ERROR
 * when there is nothing.
 */
Starter *launcher_host_starter(LauncherHost *host, GError **error);

#endif /* MEDIATOR_LAUNCHER_HOST_H */
