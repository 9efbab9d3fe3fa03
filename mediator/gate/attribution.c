/*
 * Whom a worker is for, in this host's log
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "attribution.h"

#include <syslog.h>

char *attribution_describe(const char *name, gsize length, guint64 context)
{
    g_autofree char *vm = g_strndup(name, length);

    for (gsize i = 0; i < length; i++) {
        vm[i] = g_ascii_isgraph(name[i]) ? name[i] : '?';
    }
    return g_strdup_printf("vm %s, context %" G_GUINT64_FORMAT, vm, context);
}

/* Where the mediator is, as sshd says; another way to here does not say it. */
static char *describe_peer(void)
{
    const char *connection = g_getenv("SSH_CONNECTION");
    g_auto(GStrv) words = g_strsplit(connection != NULL ? connection : "", " ",
                                     2);

    return words[0] != NULL && words[0][0] != '\0'
           ? g_strconcat(" of the mediator at ", words[0], NULL) : g_strdup("");
}

void attribution_log_begin(const char *owner, pid_t pid)
{
    g_autofree char *peer = describe_peer();

    syslog(LOG_DAEMON | LOG_INFO, "worker %d is for %s%s", (int)pid, owner,
           peer);
}

void attribution_log_end(const char *owner, unsigned answered)
{
    syslog(LOG_DAEMON | LOG_INFO, "%s: its worker has ended, %u answers",
           owner, answered);
}
