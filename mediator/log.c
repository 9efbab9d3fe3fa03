/*
 * The log: journal entries with fields, or lines on stderr
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "log.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static GLogWriterOutput log_write(GLogLevelFlags level,
                                  const GLogField *fields, gsize n_fields,
                                  gpointer opaque)
{
    if (level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) {
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

void log_init(void)
{
    g_log_set_writer_func(log_write, NULL, NULL);
}
