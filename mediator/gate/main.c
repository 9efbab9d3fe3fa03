/*
 * vgpu-gate: has workers started on this host, for a mediator on another
 *
 * A launcher of the mediator's runs it: sshd as the forced command of a key, or
 * anything else whose stdin and stdout reach the mediator. It starts nothing but
 * workers, with nothing but what gate-options.h allows, and ends them when its
 * input ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <gio/gio.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "executors/worker-probe.h"
#include "folder.h"
#include "protocol/command-line.h"
#include "protocol/turn.h"
#include "session.h"
#include "starter/gate-options.h"

#define EXIT_USAGE 2

#define DEFAULT_WORKER "/usr/libexec/vgpu-stub/vgpu-worker"
#define DEFAULT_STARTER "/usr/libexec/vgpu-stub/vgpu-starter"
#define DEFAULT_ROOT "/var/lib/vgpu-worker"
#define DEFAULT_KERNELS "/usr/share/vgpu-stub/kernels"

static const char description[] =
    "vgpu-mediatord's launchers run it on hosts that have accelerators; its\n"
    "stdin and stdout are the connection to the mediator. With --probe it\n"
    "tries the accelerator and exits.\n"
    "\n"
    "Exit status: 0 at the end of the input, 1 when it failed, 2 when an option\n"
    "is wrong; of --probe 0 when the accelerator works, 3 when it does but the\n"
    "host's files cannot be kept from programs of VMs, else 1.";

typedef struct Options {
    char *worker;
    char *starter;
    char *starter_socket;       /* NULL: it is a process of its own */
    char *root;                 /* NULL: one for this time */
    char *kernels;
    char *prepare;
    gboolean forced;
    /* What the mediator says */
    char *backend;
    int device;
    int memory_mib;             /* 0: what a worker has if nobody says it */
    char *label;                /* NULL: there is none */
    gboolean closed;
    gboolean probe;
} Options;

static void options_clear(Options *options)
{
    g_free(options->worker);
    g_free(options->starter);
    g_free(options->starter_socket);
    g_free(options->root);
    g_free(options->kernels);
    g_free(options->prepare);
    g_free(options->backend);
    g_free(options->label);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static bool refuse(GError **error, const char *what)
{
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, what);
    return false;
}

static bool options_parse_all(Options *options, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        { "forced", 0, 0, G_OPTION_ARG_NONE, &options->forced,
          "Be sshd's forced command: the rest is what the client has asked for",
          NULL },
        { "worker", 0, 0, G_OPTION_ARG_FILENAME, &options->worker,
          "Execute with the program PATH (default: " DEFAULT_WORKER ")",
          "PATH" },
        { "starter", 0, 0, G_OPTION_ARG_FILENAME, &options->starter,
          "Start workers with the program PATH (default: " DEFAULT_STARTER
          ")", "PATH" },
        { "starter-socket", 0, 0, G_OPTION_ARG_FILENAME,
          &options->starter_socket,
          "Have them started, each with a uid of its own, by the service that "
          "listens at PATH", "PATH" },
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &options->root,
          "Keep what drivers need without the host's files in DIR (default "
          "where there is such a service: " DEFAULT_ROOT ")", "DIR" },
        { "prepare", 0, 0, G_OPTION_ARG_STRING, &options->prepare,
          "Make the folder of --root, as root, for gates of the user NAME, and "
          "exit", "NAME" },
        { "kernels", 0, 0, G_OPTION_ARG_FILENAME, &options->kernels,
          "Offer the kernels in DIR (default: " DEFAULT_KERNELS ")", "DIR" },
        { "backend", 0, 0, G_OPTION_ARG_STRING, &options->backend,
          "Execute on NAME: cpu, opencl or cuda", "NAME" },
        { "device", 0, 0, G_OPTION_ARG_INT, &options->device,
          "Use the backend's device N, from 0 (default: 0)", "N" },
        { "memory-mib", 0, 0, G_OPTION_ARG_INT, &options->memory_mib,
          "Let a worker take N MiB of this host's memory at most (default: "
          "2048)", "N" },
        { "label", 0, 0, G_OPTION_ARG_STRING, &options->label,
          "Be for LABEL, for who looks at this host's processes", "LABEL" },
        { "closed", 0, 0, G_OPTION_ARG_NONE, &options->closed,
          "Keep the host's files from programs of VMs, as --probe has found "
          "possible", NULL },
        { "probe", 0, 0, G_OPTION_ARG_NONE, &options->probe,
          "Try the accelerator and exit", NULL },
        { 0 }
    };
    int argc = g_strv_length(*argv);

    return command_line_parse(entries, description, &argc, argv, error);
}

/*
 * Append what the client has asked sshd for to @argv; false when that is not this
 * program with options that it may have.
 */
static bool append_asked(GPtrArray *argv, GError **error)
{
    const char *asked = g_getenv("SSH_ORIGINAL_COMMAND");
    g_auto(GStrv) words = g_strsplit(asked != NULL ? asked : "", " ", -1);

    if (g_strcmp0(words[0], GATE_NAME) != 0 ||
        !gate_options_allowed((const char *const *)words + 1)) {
        return refuse(error, "this key is for " GATE_NAME " with --backend, "
                      "--device, --memory-mib, --label, --closed and --probe, "
                      "and for nothing else");
    }
    for (char **word = words + 1; *word != NULL; word++) {
        g_ptr_array_add(argv, g_strdup(*word));
    }
    return true;
}

static void set_default(char **option, const char *value)
{
    if (*option == NULL) {
        *option = g_strdup(value);
    }
}

static bool options_parse(Options *options, int argc, char **argv,
                          GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    g_autofree char **words = NULL;
    bool forced = false;

    for (int i = 0; i < argc; i++) {
        forced = forced || g_strcmp0(argv[i], "--forced") == 0;
        g_ptr_array_add(all, g_strdup(argv[i]));
    }
    if (forced && !append_asked(all, error)) {
        return false;
    }
    g_ptr_array_add(all, NULL);
    /* What is parsed is taken out of it. */
    words = g_memdup(all->pdata, all->len * sizeof(char *));
    if (!options_parse_all(options, &words, error)) {
        return false;
    }
    if (options->backend == NULL && options->prepare == NULL) {
        return refuse(error, "--backend has to be given");
    }
    if (options->label != NULL && !gate_label_allowed(options->label)) {
        return refuse(error, "--label is up to "
                      G_STRINGIFY(GATE_LABEL_MAX) " letters, digits, '.', '-' "
                      "and '_'");
    }
    set_default(&options->worker, DEFAULT_WORKER);
    set_default(&options->starter, DEFAULT_STARTER);
    set_default(&options->kernels, DEFAULT_KERNELS);
    if (options->starter_socket != NULL || options->prepare != NULL) {
        set_default(&options->root, DEFAULT_ROOT);
    }
    return true;
}

/* --- What it stands on --- */

/* Where workers are, and what starts them */
typedef struct Ground {
    WorkerRoot *root;           /* NULL: there is none */
    Starter *starter;
    char *scratch;              /* a folder of this gate's, or NULL … */
    int lock;                   /* … that this holds */
} Ground;

static bool make_scratch(Ground *ground, GError **error)
{
    /* In the root it can be reached in there, too. */
    const char *parent = ground->root != NULL ? worker_root_work(ground->root)
                                              : g_get_tmp_dir();

    gate_folders_clear(parent);
    ground->scratch = gate_folder_new(parent, &ground->lock, error);
    return ground->scratch != NULL;
}

/* A service has made all of it, and starts the workers. */
static bool ground_find(Ground *ground, const Options *options,
                        GError **error)
{
    ground->root = worker_root_open(options->root, options->worker);
    ground->starter = starter_connect(options->starter_socket, error);
    return ground->starter != NULL;
}

/* Workers have this user. */
static bool ground_make(Ground *ground, const Options *options,
                        GError **error)
{
    g_autofree char *worker = g_strdup_printf("--worker=%s",
                                              options->worker);
    g_autofree char *scratch = NULL;

    if (options->root != NULL) {
        ground->root = worker_root_new(options->root, options->worker,
                                       geteuid(), getegid(), error);
    }
    if ((options->root != NULL && ground->root == NULL) ||
        !make_scratch(ground, error)) {
        return false;
    }
    scratch = g_strdup_printf("--scratch=%s", ground->scratch);
    ground->starter = starter_new((const char *const[]) {
        options->starter, worker, scratch, NULL,
    }, error);
    return ground->starter != NULL;
}

static void ground_clear(Ground *ground)
{
    g_clear_pointer(&ground->starter, starter_free);
    if (ground->scratch != NULL) {
        rmdir(ground->scratch);
        close(ground->lock);
    }
    g_clear_pointer(&ground->scratch, g_free);
    g_clear_pointer(&ground->root, worker_root_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ground, ground_clear)

/* --- What it does --- */

/* A worker's options, to be freed with g_strfreev() */
static char **worker_options(const Options *options, const Ground *ground)
{
    GPtrArray *argv = g_ptr_array_new();

    g_ptr_array_add(argv, g_strdup_printf("--backend=%s", options->backend));
    g_ptr_array_add(argv, g_strdup_printf("--device=%d", options->device));
    g_ptr_array_add(argv, g_strdup_printf("--kernels=%s", options->kernels));
    if (options->memory_mib != 0) {
        g_ptr_array_add(argv, g_strdup_printf("--memory-mib=%d",
                                              options->memory_mib));
    }
    if (options->label != NULL) {
        g_ptr_array_add(argv, g_strdup_printf("--label=%s", options->label));
    }
    if (options->closed && ground->root != NULL) {
        g_ptr_array_add(argv, g_strdup_printf(
            "--root=%s", worker_root_path(ground->root)));
    }
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

typedef struct Trial {
    bool done;
    int status;                 /* to exit with */
} Trial;

static void trial_done(gpointer opaque, const WorkerProbeResult *result)
{
    Trial *trial = opaque;
    const char *reason = result->reason != NULL ? result->reason
                                                : result->open_reason;

    trial->done = true;
    trial->status = result->reason != NULL ? EXIT_FAILURE
                  : result->open_reason != NULL ? WORKER_PROBE_EXIT_OPEN
                  : EXIT_SUCCESS;
    if (reason != NULL) {
        fprintf(stderr, "%s\n", reason);
    }
}

/* Returns what to exit with. */
static int try_accelerator(const Options *options, const Ground *ground,
                           const char *const *argv, GError **error)
{
    const bool wanted = g_strcmp0(options->backend, "opencl") == 0;
    const bool confine = wanted && options->root != NULL;
    Trial trial = { 0 };

    if (worker_probe_new(&(WorkerProbeOptions) {
            .starter = ground->starter,
            .root = ground->root,
            .argv = argv,
            .confine = confine,
        }, trial_done, &trial, error) == NULL) {
        return EXIT_FAILURE;
    }
    while (!trial.done) {
        g_main_context_iteration(NULL, TRUE);
    }
    if (trial.status == EXIT_SUCCESS && wanted && !confine) {
        fprintf(stderr, GATE_NAME " has no --root there\n");
        return WORKER_PROBE_EXIT_OPEN;
    }
    return trial.status;
}

/* Returns what to exit with. */
static int prepare(const Options *options, GError **error)
{
    const struct passwd *user = getpwnam(options->prepare);
    WorkerRoot *root;

    if (user == NULL) {
        refuse(error, "--prepare: there is no such user");
        return EXIT_USAGE;
    }
    root = worker_root_new(options->root, options->worker, user->pw_uid,
                           user->pw_gid, error);
    if (root == NULL) {
        return EXIT_FAILURE;
    }
    worker_root_free(root);
    return EXIT_SUCCESS;
}

/* Returns what to exit with. */
static int run(const Options *options, GError **error)
{
    g_auto(Ground) ground = { 0 };
    g_auto(GStrv) argv = NULL;

    if (options->prepare != NULL) {
        return prepare(options, error);
    }
    if (!options->probe && (!watch_possible(STDIN_FILENO) ||
                            !watch_possible(STDOUT_FILENO))) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                            "standard input and output are the stream to the "
                            "mediator: pipes or sockets");
        return EXIT_FAILURE;
    }
    if (!(options->starter_socket != NULL ? ground_find : ground_make)(
            &ground, options, error)) {
        return EXIT_FAILURE;
    }
    argv = worker_options(options, &ground);
    if (options->probe) {
        return try_accelerator(options, &ground, (const char *const *)argv,
                               error);
    }
    return session_serve(ground.starter, (const char *const *)argv,
                         STDIN_FILENO, STDOUT_FILENO, error)
           ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    g_auto(Options) options = { 0 };
    g_autoptr(GError) error = NULL;
    int status = EXIT_USAGE;

    g_set_prgname(GATE_NAME);
    openlog(GATE_NAME, LOG_PID, LOG_DAEMON);
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(&options, argc, argv, &error)) {
        status = run(&options, &error);
    }
    if (error != NULL) {
        fprintf(stderr, GATE_NAME ": %s%s\n", error->message,
                status == EXIT_USAGE ? " (see --help)" : "");
    }
    return status;
}
