/*
 * Tries a pool's backend: a worker that opens it and exits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-probe.h"

#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>

struct WorkerProbe {
    GSubprocess *process;
    guint timer;                /* 0 once it has fired */
    bool freed;                 /* nobody waits for it any more */
    void (*done)(gpointer opaque, const char *reason);
    gpointer opaque;
};

/* The last line of what it said; a driver may have said something before. */
static char *last_line(GBytes *bytes)
{
    gsize length = 0;
    const char *text = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    /* Nothing said is NULL, too. */
    g_autofree char *copy = g_utf8_make_valid(length > 0 ? text : "", length);
    char *newline;

    g_strchomp(copy);
    newline = strrchr(copy, '\n');
    return g_strdup(newline != NULL ? newline + 1 : copy);
}

/* Why the probe has failed; NULL if it has not. */
static char *probe_reason(const WorkerProbe *probe, GBytes *errors)
{
    g_autofree char *line = NULL;

    if (g_subprocess_get_successful(probe->process)) {
        return NULL;
    }
    if (probe->timer == 0) {
        return g_strdup_printf("no answer within %d s",
                               WORKER_PROBE_TIMEOUT_S);
    }
    line = last_line(errors);
    if (line[0] != '\0') {
        return g_steal_pointer(&line);
    }
    return g_subprocess_get_if_signaled(probe->process)
           ? g_strdup_printf("signal %d",
                             g_subprocess_get_term_sig(probe->process))
           : g_strdup_printf("exit status %d",
                             g_subprocess_get_exit_status(probe->process));
}

static void probe_ended(GObject *object, GAsyncResult *result,
                        gpointer opaque)
{
    WorkerProbe *probe = opaque;
    g_autoptr(GBytes) errors = NULL;

    g_subprocess_communicate_finish(G_SUBPROCESS(object), result, NULL,
                                    &errors, NULL);
    if (!probe->freed) {
        g_autofree char *reason = probe_reason(probe, errors);

        probe->done(probe->opaque, reason);
    }
    if (probe->timer != 0) {
        g_source_remove(probe->timer);
    }
    g_object_unref(probe->process);
    g_free(probe);
}

static gboolean probe_overdue(gpointer opaque)
{
    WorkerProbe *probe = opaque;

    probe->timer = 0;
    g_subprocess_force_exit(probe->process);
    return G_SOURCE_REMOVE;
}

WorkerProbe *worker_probe_new(const char *const *argv,
                              void (*done)(gpointer opaque,
                                           const char *reason),
                              gpointer opaque, GError **error)
{
    GSubprocess *process = g_subprocess_newv(
        argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
              G_SUBPROCESS_FLAGS_STDERR_PIPE, error);
    WorkerProbe *probe;

    if (process == NULL) {
        return NULL;
    }
    probe = g_new0(WorkerProbe, 1);
    probe->process = process;
    probe->done = done;
    probe->opaque = opaque;
    probe->timer = g_timeout_add_seconds(WORKER_PROBE_TIMEOUT_S,
                                         probe_overdue, probe);
    g_subprocess_communicate_async(process, NULL, NULL, probe_ended, probe);
    return probe;
}

void worker_probe_free(WorkerProbe *probe)
{
    probe->freed = true;
    g_subprocess_force_exit(probe->process);
}
