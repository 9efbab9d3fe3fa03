/*
 * Tries a pool's backend: a worker that computes something and exits
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

/* What is done, one process for each step */
typedef enum Step {
    STEP_FILL,                  /* copy what the driver needs to the root */
    STEP_CONFINED,              /* try it there */
    STEP_OPEN,                  /* try it with the host's files */
    STEP_FAR,                   /* have all of it done elsewhere */
} Step;

struct WorkerProbe {
    WorkerProbeOptions options;
    char **argv;                /* that of the options */
    Step step;
    StarterChild *child;        /* of the step; NULL in STEP_FILL */
    GSubprocess *filler;        /* in STEP_FILL */
    WorkerOutput *output;
    char *said;                 /* the last line of what it said, or NULL */
    guint timer;                /* 0 once it has fired */
    bool freed;                 /* nobody waits for it any more */
    char *open_reason;          /* why the steps before the last one failed */
    void (*done)(gpointer opaque, const WorkerProbeResult *result);
    gpointer opaque;
};

static bool probe_start(WorkerProbe *probe, GError **error);

static int probe_timeout(const WorkerProbe *probe)
{
    return probe->step == STEP_FAR ? WORKER_PROBE_TIMEOUT_FAR_S
                                   : WORKER_PROBE_TIMEOUT_S;
}

/* Does it work elsewhere, but not in the root? */
static bool probe_is_open(const WorkerProbe *probe, int status)
{
    return probe->step == STEP_FAR && WIFEXITED(status) &&
           WEXITSTATUS(status) == WORKER_PROBE_EXIT_OPEN;
}

/* Why the step has failed; NULL if it has not. */
static char *probe_reason(const WorkerProbe *probe, int status,
                          const char *failure)
{
    if (failure != NULL) {
        return g_strdup(failure);
    }
    if (status == 0 || probe_is_open(probe, status)) {
        return NULL;
    }
    if (probe->timer == 0) {
        return g_strdup_printf("no answer within %d s",
                               probe_timeout(probe));
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

static void probe_free(WorkerProbe *probe)
{
    g_strfreev(probe->argv);
    g_free(probe->said);
    g_free(probe->open_reason);
    g_free(probe);
}

/* Is there a step after one that ended with @reason, NULL if it did well? */
static bool probe_advance(WorkerProbe *probe, const char *reason)
{
    if (probe->step == STEP_OPEN || probe->step == STEP_FAR ||
        (probe->step == STEP_CONFINED && reason == NULL)) {
        return false;
    }
    probe->step = reason == NULL ? STEP_CONFINED : STEP_OPEN;
    g_free(probe->open_reason);
    probe->open_reason = g_strdup(reason);
    return true;
}

/* Start the next step; false when *@reason of the last one is the end. */
static bool probe_go_on(WorkerProbe *probe, char **reason)
{
    while (probe_advance(probe, *reason)) {
        g_autoptr(GError) error = NULL;

        if (probe_start(probe, &error)) {
            return true;
        }
        g_free(*reason);
        *reason = g_strdup(error->message);
    }
    return false;
}

/* The step's process is no more; as StarterHandlers.gone */
static void probe_gone(gpointer opaque, int status, const char *failure)
{
    WorkerProbe *probe = opaque;
    g_autofree char *reason = NULL;

    /* It may have said something that has not been read yet. */
    worker_output_free(probe->output);
    reason = probe_reason(probe, status, failure);
    if (reason == NULL && probe->options.confine &&
        probe_is_open(probe, status)) {
        probe->open_reason = g_strdup(probe->said != NULL ? probe->said
                                                          : "?");
    }
    if (probe->timer != 0) {
        g_source_remove(probe->timer);
    }
    probe->child = NULL;
    g_clear_object(&probe->filler);
    g_clear_pointer(&probe->said, g_free);
    if (!probe->freed) {
        if (probe_go_on(probe, &reason)) {
            return;
        }
        probe->done(probe->opaque, &(WorkerProbeResult) {
            .reason = reason,
            .confined = probe->step == STEP_CONFINED ||
                        (probe->step == STEP_FAR && probe->options.confine &&
                         probe->open_reason == NULL),
            .open_reason = probe->open_reason,
        });
    }
    probe_free(probe);
}

static void probe_filled(GObject *object, GAsyncResult *result G_GNUC_UNUSED,
                         gpointer probe)
{
    probe_gone(probe, g_subprocess_get_status(G_SUBPROCESS(object)), NULL);
}

static void probe_kill(WorkerProbe *probe)
{
    if (probe->child != NULL) {
        starter_kill(probe->child);
    } else {
        g_subprocess_force_exit(probe->filler);
    }
}

static gboolean probe_overdue(gpointer opaque)
{
    WorkerProbe *probe = opaque;

    probe->timer = 0;
    probe_kill(probe);
    return G_SOURCE_REMOVE;
}

static bool probe_fill(WorkerProbe *probe, int output, GError **error)
{
    probe->filler = worker_root_fill(
        probe->options.root, (const char *const *)probe->argv, output, error);
    if (probe->filler == NULL) {
        return false;
    }
    g_subprocess_wait_async(probe->filler, NULL, probe_filled, probe);
    return true;
}

static bool probe_try(WorkerProbe *probe, int output, GError **error)
{
    static const StarterHandlers handlers = {
        .started = probe_started,
        .gone = probe_gone,
    };
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

    if (null < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "/dev/null: %s", g_strerror(errno));
        close(output);
        return false;
    }
    for (char **argument = probe->argv; *argument != NULL; argument++) {
        g_ptr_array_add(argv, g_strdup(*argument));
    }
    if (probe->step == STEP_CONFINED) {
        g_ptr_array_add(argv, g_strdup_printf(
            "--root=%s", worker_root_path(probe->options.root)));
    }
    g_ptr_array_add(argv, g_strdup("--probe"));
    g_ptr_array_add(argv, NULL);
    probe->child = starter_start(probe->options.starter,
                                 (const char *const *)argv->pdata, &(StarterFds) {
        .in = null, .out = output, .errors = output,
    }, &handlers, probe);
    return true;
}

static bool probe_start(WorkerProbe *probe, GError **error)
{
    int output;

    probe->output = worker_output_new(&output, probe_said, probe, error);
    if (probe->output == NULL) {
        return false;
    }
    if (!(probe->step == STEP_FILL ? probe_fill : probe_try)(probe, output,
                                                            error)) {
        worker_output_free(probe->output);
        return false;
    }
    probe->timer = g_timeout_add_seconds(probe_timeout(probe), probe_overdue,
                                         probe);
    return true;
}

WorkerProbe *worker_probe_new(const WorkerProbeOptions *options,
                              void (*done)(gpointer opaque,
                                           const WorkerProbeResult *result),
                              gpointer opaque, GError **error)
{
    WorkerProbe *probe = g_new0(WorkerProbe, 1);

    probe->options = *options;
    probe->argv = g_strdupv((char **)options->argv);
    probe->step = options->far ? STEP_FAR
                : options->confine ? STEP_FILL : STEP_OPEN;
    probe->done = done;
    probe->opaque = opaque;
    if (!probe_start(probe, error)) {
        probe_free(probe);
        return NULL;
    }
    return probe;
}

void worker_probe_free(WorkerProbe *probe)
{
    probe->freed = true;
    probe_kill(probe);
}
