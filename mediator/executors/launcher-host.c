/*
 * What runs launchers for the daemon
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "launcher-host.h"

#include <gio/gio.h>

struct LauncherHost {
    char *socket;               /* NULL: it is a process of ours */
    char *program;
    char *config;               /* NULL: there is no launcher */
    Starter *starter;           /* NULL as long as none was needed */
};

LauncherHost *launcher_host_new(const char *socket, const char *program,
                                const char *config)
{
    LauncherHost *host = g_new0(LauncherHost, 1);

    host->socket = g_strdup(socket);
    host->program = g_strdup(program);
    host->config = g_strdup(config);
    return host;
}

void launcher_host_free(LauncherHost *host)
{
    g_clear_pointer(&host->starter, starter_free);
    g_free(host->socket);
    g_free(host->program);
    g_free(host->config);
    g_free(host);
}

static Starter *host_open(const LauncherHost *host, GError **error)
{
    g_autofree char *option = g_strdup_printf("--launchers=%s",
                                              host->config != NULL
                                              ? host->config : "/dev/null");
    const char *const argv[] = { host->program, option, NULL };

    return host->socket != NULL ? starter_connect(host->socket, error)
                                : starter_new(argv, error);
}

Starter *launcher_host_starter(LauncherHost *host, GError **error)
{
    if (host->starter != NULL && starter_is_lost(host->starter)) {
        g_clear_pointer(&host->starter, starter_free);
    }
    if (host->starter == NULL) {
        host->starter = host_open(host, error);
        g_prefix_error(error, "launchers cannot be run: ");
    }
    return host->starter;
}
