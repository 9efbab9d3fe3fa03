/*
 * vgpu-mediatord: answers the requests of vgpu-stub devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "dispatch.h"
#include "inline-executor.h"
#include "link.h"
#include "log.h"
#include "socket-dir.h"

#define NAME "vgpu-mediatord"
#define VERSION "0.1.0"
#define DEFAULT_SOCKET_DIR "/run/vgpu-stub"

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
    return true;
}

static void options_clear(Options *options)
{
    g_free(options->socket_dir);
    g_strfreev(options->connect);
    g_free(options->config);
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

/* What SIGHUP is about */
typedef struct Reload {
    const char *path;           /* NULL for none */
    Dispatch *dispatch;
} Reload;

static gboolean reload(gpointer opaque)
{
    const Reload *what = opaque;
    g_autoptr(GError) error = NULL;
    Config *config;

    if (what->path == NULL) {
        g_warning("nothing to reload: there is no --config");
        return G_SOURCE_CONTINUE;
    }
    config = config_load(what->path, &error);
    if (config != NULL) {
        dispatch_configure(what->dispatch, config);
        g_message("%s: loaded", what->path);
    } else {
        g_warning("%s; the configuration stays as it was", error->message);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

/* Run the main loop until a signal ends it. */
static void run(Reload *on_sighup)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    guint sigterm = g_unix_signal_add(SIGTERM, quit, loop);
    guint sigint = g_unix_signal_add(SIGINT, quit, loop);
    guint sighup = g_unix_signal_add(SIGHUP, reload, on_sighup);

    g_main_loop_run(loop);
    g_source_remove(sighup);
    g_source_remove(sigint);
    g_source_remove(sigterm);
}

int main(int argc, char **argv)
{
    g_auto(Options) options = { 0 };
    g_autoptr(GError) error = NULL;
    Config *config;
    Dispatch *dispatch;
    GPtrArray *links;
    SocketDir *dir = NULL;
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
    dispatch = dispatch_new(&inline_executor, config);
    links = connect_all(options.connect, dispatch, &error);
    if (links != NULL) {
        if (options.socket_dir != NULL) {
            dir = socket_dir_new(options.socket_dir, dispatch);
        }
        run(&(Reload) { .path = options.config, .dispatch = dispatch });
        g_clear_pointer(&dir, socket_dir_free);
        g_ptr_array_unref(links);
    } else {
        fprintf(stderr, NAME ": --connect: %s\n", error->message);
        status = EXIT_USAGE;
    }
    dispatch_free(dispatch);
    return status;
}
