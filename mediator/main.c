/*
 * vgpu-mediatord: answers the requests of vgpu-stub devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin-socket.h"
#include "admin.h"
#include "config.h"
#include "dispatch.h"
#include "link.h"
#include "log.h"
#include "socket-dir.h"
#include "worker-executor.h"

#define NAME "vgpu-mediatord"
#define VERSION "0.1.0"
#define DEFAULT_SOCKET_DIR "/run/vgpu-stub"

#define DEFAULT_WORKER "/usr/libexec/vgpu-stub/vgpu-worker"
#define DEFAULT_KERNELS "/usr/share/vgpu-stub/kernels"

#define EXIT_USAGE 2

static const char description[] =
    "Devices listen on Unix sockets, this daemon connects to them and\n"
    "answers their requests. It runs until SIGTERM or SIGINT; with SIGHUP it\n"
    "reads its configuration anew, and keeps the old one if there is an\n"
    "error in it.\n"
    "\n"
    "Exit status: 0 after a signal, 2 when an option or the configuration\n"
    "is wrong.";

typedef struct Options {
    char *socket_dir;           /* NULL for none */
    char **connect;             /* NULL-terminated; NULL for none */
    char *config;               /* NULL for the defaults */
    char *admin_socket;         /* NULL for none */
    char *worker;
    char *kernels;
    gboolean version;
} Options;

/* Returns false with @error set when the command line is wrong. */
static bool options_parse(Options *options, int *argc, char ***argv,
                          GError **error)
{
    const GOptionEntry entries[] = {
        { "socket-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->socket_dir,
          "Serve the *.sock files in DIR, present and future "
          "(default: " DEFAULT_SOCKET_DIR " if there is no --connect)",
          "DIR" },
        { "connect", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->connect,
          "Serve the socket at PATH; may be given several times", "PATH" },
        { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config,
          "Take limits from FILE; mediatord.conf shows what there is and the "
          "defaults", "FILE" },
        { "admin-socket", 0, 0, G_OPTION_ARG_FILENAME,
          &options->admin_socket, "Take vgpu-ctl's orders at PATH", "PATH" },
        { "worker", 0, 0, G_OPTION_ARG_FILENAME, &options->worker,
          "Execute on accelerators with the program PATH (default: "
          DEFAULT_WORKER ")", "PATH" },
        { "kernels", 0, 0, G_OPTION_ARG_FILENAME, &options->kernels,
          "Offer the kernels in DIR, unless the configuration names another "
          "folder (default: " DEFAULT_KERNELS ")", "DIR" },
        { "version", 0, 0, G_OPTION_ARG_NONE, &options->version,
          "Show the version and exit", NULL },
        { 0 }
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_description(context, description);
    if (!g_option_context_parse(context, argc, argv, error)) {
        return false;
    }
    if (*argc > 1) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "Unexpected argument %s", (*argv)[1]);
        return false;
    }
    if (options->socket_dir == NULL && options->connect == NULL) {
        options->socket_dir = g_strdup(DEFAULT_SOCKET_DIR);
    }
    if (options->worker == NULL) {
        options->worker = g_strdup(DEFAULT_WORKER);
    }
    if (options->kernels == NULL) {
        options->kernels = g_strdup(DEFAULT_KERNELS);
    }
    return true;
}

static void options_clear(Options *options)
{
    g_free(options->socket_dir);
    g_strfreev(options->connect);
    g_free(options->config);
    g_free(options->admin_socket);
    g_free(options->worker);
    g_free(options->kernels);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* A link to each of @paths; NULL and @error set when one cannot be. */
static GPtrArray *connect_all(char **paths, Dispatch *dispatch,
                              GError **error)
{
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(
        (GDestroyNotify)link_free);

    for (char **path = paths; path != NULL && *path != NULL; path++) {
        Link *link = link_new(*path, dispatch, error);

        if (link == NULL) {
            return NULL;
        }
        g_ptr_array_add(links, link);
    }
    return g_steal_pointer(&links);
}

/* What to read anew, and for whom */
typedef struct Reload {
    const char *path;           /* NULL for none */
    Dispatch *dispatch;
} Reload;

static bool reload(gpointer opaque, GError **error)
{
    const Reload *what = opaque;
    Config *config;

    if (what->path == NULL) {
        g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "nothing to reload: there is no --config");
        return false;
    }
    config = config_load(what->path, error);
    if (config == NULL) {
        g_prefix_error(error, "the configuration stays as it was: ");
        return false;
    }
    dispatch_configure(what->dispatch, config);
    g_message("%s: loaded", what->path);
    return true;
}

static gboolean reload_on_signal(gpointer what)
{
    g_autoptr(GError) error = NULL;

    if (!reload(what, &error)) {
        g_warning("%s", error->message);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

/* Run the main loop until a signal ends it. */
static void run(Reload *what)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    guint sigterm = g_unix_signal_add(SIGTERM, quit, loop);
    guint sigint = g_unix_signal_add(SIGINT, quit, loop);
    guint sighup = g_unix_signal_add(SIGHUP, reload_on_signal, what);

    g_main_loop_run(loop);
    g_source_remove(sighup);
    g_source_remove(sigint);
    g_source_remove(sigterm);
}

/* Serve until a signal; false when an option does not allow it. */
static bool serve(const Options *options, Dispatch *dispatch, GError **error)
{
    g_autoptr(GPtrArray) links = connect_all(options->connect, dispatch,
                                             error);
    Reload what = { .path = options->config, .dispatch = dispatch };
    Admin admin = {
        .dispatch = dispatch, .reload = reload, .opaque = &what,
    };
    AdminSocket *admin_socket = NULL;
    SocketDir *dir = NULL;

    if (links == NULL) {
        g_prefix_error(error, "--connect: ");
        return false;
    }
    if (options->admin_socket != NULL) {
        admin_socket = admin_socket_new(options->admin_socket, admin_order,
                                        &admin, error);
        if (admin_socket == NULL) {
            g_prefix_error(error, "--admin-socket: ");
            return false;
        }
    }
    if (options->socket_dir != NULL) {
        dir = socket_dir_new(options->socket_dir, dispatch);
    }
    run(&what);
    g_clear_pointer(&dir, socket_dir_free);
    g_clear_pointer(&admin_socket, admin_socket_free);
    return true;
}

int main(int argc, char **argv)
{
    g_auto(Options) options = { 0 };
    g_autoptr(GError) error = NULL;
    WorkerExecutor *executor;
    Config *config;
    Dispatch *dispatch;
    int status = EXIT_SUCCESS;

    g_set_prgname(NAME);
    log_init();
    if (!options_parse(&options, &argc, &argv, &error)) {
        fprintf(stderr, NAME ": %s (see --help)\n", error->message);
        return EXIT_USAGE;
    }
    if (options.version) {
        printf(NAME " " VERSION "\n");
        return EXIT_SUCCESS;
    }

    config = options.config != NULL ? config_load(options.config, &error)
                                    : config_new();
    if (config == NULL) {
        fprintf(stderr, NAME ": --config: %s\n", error->message);
        return EXIT_USAGE;
    }
    executor = worker_executor_new(options.worker, options.kernels);
    dispatch = dispatch_new(worker_executor_base(executor), config);
    if (!serve(&options, dispatch, &error)) {
        fprintf(stderr, NAME ": %s\n", error->message);
        status = EXIT_USAGE;
    }
    worker_executor_free(executor);
    dispatch_free(dispatch);
    return status;
}
