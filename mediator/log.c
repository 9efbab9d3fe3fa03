/*
 * The log: journal entries with fields, or lines on stderr
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "log.h"

#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether a message is not a library's */
static bool is_ours(const GLogField *fields, gsize n_fields)
{
    for (gsize i = 0; i < n_fields; i++) {
        if (strcmp(fields[i].key, "GLIB_DOMAIN") == 0) {
            return strcmp(fields[i].value, G_LOG_DOMAIN) == 0;
        }
    }
    return false;
}

/* What cannot be written is lost; the service goes on. */
static GLogWriterOutput log_write(GLogLevelFlags level,
                                  const GLogField *fields, gsize n_fields,
                                  gpointer opaque)
{
    if (level & G_LOG_LEVEL_DEBUG ||
        (level & G_LOG_LEVEL_INFO && !is_ours(fields, n_fields))) {
        return G_LOG_WRITER_HANDLED;
    }
    if (g_log_writer_is_journald(STDERR_FILENO)) {
        return g_log_writer_journald(level, fields, n_fields, opaque);
    }
    for (gsize i = 0; i < n_fields; i++) {
        if (strcmp(fields[i].key, "MESSAGE") == 0) {
            fprintf(stderr, "%s: %s%s\n", g_get_prgname(),
                    level > G_LOG_LEVEL_WARNING ? "" : "warning: ",
                    (const char *)fields[i].value);
        }
    }
    return G_LOG_WRITER_HANDLED;
}

/* Whoever has closed stderr does not want the log in the next file opened. */
static void fill_standard_streams(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

void log_init(void)
{
    fill_standard_streams();
    /* stderr may be a pipe that nobody reads any more. */
    signal(SIGPIPE, SIG_IGN);
    g_log_set_writer_func(log_write, NULL, NULL);
}
