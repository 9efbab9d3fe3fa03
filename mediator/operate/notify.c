/*
 * What the service manager is told: sd_notify(3), without its library
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    int fd;                     /* -1: nobody wants to be told */
    struct sockaddr_un address;
    socklen_t length;           /* of the address */
    guint watchdog_ms;
} manager = { .fd = -1 };

static void set_address(const char *path)
{
    const size_t length = strlen(path);

    /* "@…" is an abstract socket. */
    if ((path[0] != '/' && path[0] != '@') ||
        length >= sizeof(manager.address.sun_path)) {
        g_warning("NOTIFY_SOCKET is '%s', which no socket's address can be",
                  path);
        return;
    }
    manager.address.sun_family = AF_UNIX;
    memcpy(manager.address.sun_path, path, length);
    manager.length = offsetof(struct sockaddr_un, sun_path) + length;
    if (path[0] == '@') {
        manager.address.sun_path[0] = '\0';
    }
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                        0);
}

static void set_watchdog(const char *usec, const char *pid)
{
    guint64 wanted, period;

    if (usec == NULL ||
        !g_ascii_string_to_unsigned(usec, 10, G_TIME_SPAN_MILLISECOND,
                                    G_MAXUINT, &period, NULL)) {
        return;
    }
    if (pid == NULL ||
        (g_ascii_string_to_unsigned(pid, 10, 0, G_MAXINT, &wanted, NULL) &&
         wanted == (guint64)getpid())) {
        manager.watchdog_ms = period / G_TIME_SPAN_MILLISECOND;
    }
}

void notify_init(void)
{
    const char *path = g_getenv("NOTIFY_SOCKET");

    if (path != NULL) {
        set_address(path);
        set_watchdog(g_getenv("WATCHDOG_USEC"), g_getenv("WATCHDOG_PID"));
    }
    g_unsetenv("NOTIFY_SOCKET");
    g_unsetenv("WATCHDOG_USEC");
    g_unsetenv("WATCHDOG_PID");
}

void notify(const char *format, ...)
{
    g_autofree char *lines = NULL;
    va_list args;

    if (manager.fd < 0) {
        return;
    }
    va_start(args, format);
    lines = g_strdup_vprintf(format, args);
    va_end(args);
    /* Whether the manager listens makes no difference to the service. */
    sendto(manager.fd, lines, strlen(lines), MSG_NOSIGNAL,
           (const struct sockaddr *)&manager.address, manager.length);
}

guint notify_watchdog_ms(void)
{
    return manager.watchdog_ms;
}
