/*
 * sst-sim: simulates the devices that QEMU's sst-device forwards accesses to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib-unix.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "config.h"
#include "idle.h"
#include "output-file.h"
#include "server.h"

#define NAME "sst-sim"

#define EXIT_USAGE 2

static const char description[] =
    "Simulates the devices that CONFIG describes. QEMUs connect to their\n"
    "sockets with sst-device; a COMMAND that starts one gets the options for\n"
    "that appended. Without a COMMAND it runs until SIGTERM or SIGINT.\n"
    "\n"
    "Exit status: that of COMMAND; 0 after a signal, 1 when a file or socket\n"
    "cannot be made, 2 when an option or CONFIG is wrong.";

typedef struct Options {
    char *socket_dir;
    char *statistics;           /* NULL: none are written */
    char **rest;                /* CONFIG and the command */
} Options;

static bool options_parse(Options *options, int *argc, char ***argv,
                          GError **error)
{
    const GOptionEntry entries[] = {
        { "socket-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->socket_dir,
          "Where sockets are whose path in CONFIG is relative (default: .)",
          "DIR" },
        { "statistics", 0, 0, G_OPTION_ARG_FILENAME, &options->statistics,
          "At the end, write what each device has done to FILE, as CSV",
          "FILE" },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY,
          &options->rest, NULL, "CONFIG [COMMAND [ARG...]]" },
        { 0 }
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_description(context, description);
    g_option_context_set_strict_posix(context, TRUE);
    if (!g_option_context_parse(context, argc, argv, error)) {
        return false;
    }
    if (options->rest == NULL) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "CONFIG is missing");
        return false;
    }
    if (options->socket_dir == NULL) {
        options->socket_dir = g_strdup(".");
    }
    return true;
}

static void options_clear(Options *options)
{
    g_free(options->socket_dir);
    g_free(options->statistics);
    g_strfreev(options->rest);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* What runs */
typedef struct Run {
    GMainLoop *loop;
    Command *command;           /* NULL for none */
    int status;                 /* to exit with */
} Run;

static void command_has_ended(int status, gpointer opaque)
{
    Run *run = opaque;

    run->status = status;
    g_main_loop_quit(run->loop);
}

static gboolean end_on_signal(gpointer opaque)
{
    Run *run = opaque;

    if (run->command != NULL) {
        command_stop(run->command);
    } else {
        g_main_loop_quit(run->loop);
    }
    return G_SOURCE_CONTINUE;
}

static GPtrArray *listen_all(const Simulation *simulation, GError **error)
{
    g_autoptr(GPtrArray) servers = g_ptr_array_new_with_free_func(
        (GDestroyNotify)server_free);

    for (guint i = 0; i < simulation->buses->len; i++) {
        Server *server = server_new(g_ptr_array_index(simulation->buses, i),
                                    error);

        if (server == NULL) {
            return NULL;
        }
        g_ptr_array_add(servers, server);
    }
    return g_steal_pointer(&servers);
}

/* Say how a QEMU is to be started, and wait for it. */
static void announce(const Simulation *simulation)
{
    g_auto(GStrv) options = command_qemu_options(simulation);
    g_autofree char *line = g_strjoinv(" ", options);

    g_message("waiting for a QEMU that is started with: %s", line);
}

/* Simulate until the command ends or a signal comes. */
static bool simulate(const Simulation *simulation, char **argv, int *status,
                     GError **error)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Run run = { .loop = loop };
    /* Before there are sockets' files, which are to be removed */
    guint sigterm = g_unix_signal_add(SIGTERM, end_on_signal, &run);
    guint sigint = g_unix_signal_add(SIGINT, end_on_signal, &run);
    g_autoptr(GPtrArray) servers = listen_all(simulation, error);
    bool ok = servers != NULL;
    Idle *idle = ok ? idle_new(simulation->queue, servers) : NULL;

    if (ok && argv[0] != NULL) {
        run.command = command_start(argv, simulation, command_has_ended, &run,
                                    error);
        ok = run.command != NULL;
    } else if (ok) {
        announce(simulation);
    }
    if (ok) {
        g_main_loop_run(loop);
    }
    g_clear_pointer(&run.command, command_free);
    g_clear_pointer(&idle, idle_free);
    g_source_remove(sigint);
    g_source_remove(sigterm);
    *status = run.status;
    return ok;
}

static bool write_statistics(const Simulation *simulation, const char *path,
                             GError **error)
{
    g_autofree char *csv = simulation_statistics(simulation);

    return output_file_write(path, csv, error);
}

static GLogWriterOutput write_log(GLogLevelFlags level G_GNUC_UNUSED,
                                  const GLogField *fields, gsize n_fields,
                                  gpointer unused G_GNUC_UNUSED)
{
    for (gsize i = 0; i < n_fields; i++) {
        if (g_str_equal(fields[i].key, "MESSAGE")) {
            fprintf(stderr, NAME ": %s\n", (const char *)fields[i].value);
        }
    }
    return G_LOG_WRITER_HANDLED;
}

int main(int argc, char **argv)
{
    g_auto(Options) options = { 0 };
    g_autoptr(GError) error = NULL;
    Simulation *simulation;
    int status = EXIT_SUCCESS;

    g_set_prgname(NAME);
    g_log_set_writer_func(write_log, NULL, NULL);
    if (!options_parse(&options, &argc, &argv, &error)) {
        fprintf(stderr, NAME ": %s (see --help)\n", error->message);
        return EXIT_USAGE;
    }
    simulation = config_load(options.rest[0], options.socket_dir, &error);
    if (simulation == NULL) {
        fprintf(stderr, NAME ": %s\n", error->message);
        return EXIT_USAGE;
    }
    if (!simulate(simulation, options.rest + 1, &status, &error) ||
        (options.statistics != NULL &&
         !write_statistics(simulation, options.statistics, &error))) {
        fprintf(stderr, NAME ": %s\n", error->message);
        status = EXIT_FAILURE;
    }
    simulation_free(simulation);
    return status;
}
