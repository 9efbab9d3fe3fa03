/*
 * Tries a pool's backend: a worker that opens it and exits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-probe.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker-output.h"

struct WorkerProbe {
    StarterChild *child;
    WorkerOutput *output;
    char *said;                 /* the last line of what it said, or NULL */
    guint timer;                /* 0 once it has fired */
    bool freed;                 /* nobody waits for it any more */
    void (*done)(gpointer opaque, const char *reason);
    gpointer opaque;
};

/* Why the probe has failed; NULL if it has not. */
static char *probe_reason(const WorkerProbe *probe, int status,
                          const char *failure)
{
    if (failure != NULL) {
        return g_strdup(failure);
    }
    if (status == 0) {
        return NULL;
    }
    if (probe->timer == 0) {
        return g_strdup_printf("no answer within %d s",
                               WORKER_PROBE_TIMEOUT_S);
    }
    /* A driver may have said something before. */
    if (probe->said != NULL) {
        return g_strdup(probe->said);
    }
    return WIFSIGNALED(status)
           ? g_strdup_printf("signal %d", WTERMSIG(status))
           : g_strdup_printf("exit status %d", WEXITSTATUS(status));
}

static void probe_started(gpointer opaque G_GNUC_UNUSED,
                          pid_t pid G_GNUC_UNUSED, uid_t uid G_GNUC_UNUSED)
{
}

static void probe_said(gpointer opaque, const char *text)
{
    WorkerProbe *probe = opaque;

    g_free(probe->said);
    probe->said = g_strdup(text);
}

static void probe_gone(gpointer opaque, int status, const char *failure)
{
    WorkerProbe *probe = opaque;

    worker_output_free(probe->output);
    if (!probe->freed) {
        g_autofree char *reason = probe_reason(probe, status, failure);

        probe->done(probe->opaque, reason);
    }
    if (probe->timer != 0) {
        g_source_remove(probe->timer);
    }
    g_free(probe->said);
    g_free(probe);
}

static gboolean probe_overdue(gpointer opaque)
{
    WorkerProbe *probe = opaque;

    probe->timer = 0;
    starter_kill(probe->child);
    return G_SOURCE_REMOVE;
}

WorkerProbe *worker_probe_new(Starter *starter, const char *const *argv,
                              void (*done)(gpointer opaque,
                                           const char *reason),
                              gpointer opaque, GError **error)
{
    static const StarterHandlers handlers = {
        .started = probe_started,
        .gone = probe_gone,
    };
    WorkerProbe *probe = g_new0(WorkerProbe, 1);
    int output, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "/dev/null: %s", g_strerror(errno));
        g_free(probe);
        return NULL;
    }
    probe->output = worker_output_new(&output, probe_said, probe, error);
    if (probe->output == NULL) {
        close(null);
        g_free(probe);
        return NULL;
    }
    probe->done = done;
    probe->opaque = opaque;
    probe->timer = g_timeout_add_seconds(WORKER_PROBE_TIMEOUT_S,
                                         probe_overdue, probe);
    probe->child = starter_start(starter, argv, null, output, &handlers,
                                 probe);
    return probe;
}

void worker_probe_free(WorkerProbe *probe)
{
    probe->freed = true;
    starter_kill(probe->child);
}
