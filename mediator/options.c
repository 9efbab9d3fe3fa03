/*
 * vgpu-mediatord's command line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "options.h"
#include "protocol/command-line.h"

#define DEFAULT_SOCKET_DIR "/run/vgpu-stub"
#define DEFAULT_WORKER "/usr/libexec/vgpu-stub/vgpu-worker"
#define DEFAULT_STARTER "/usr/libexec/vgpu-stub/vgpu-starter"
#define DEFAULT_SCRATCH "/var/lib/vgpu-worker"
#define DEFAULT_KERNELS "/usr/share/vgpu-stub/kernels"

static const char description[] =
    "Devices listen on Unix sockets, this daemon connects to them and\n"
    "answers their requests. It runs until SIGTERM or SIGINT; with SIGHUP it\n"
    "reads its configuration anew, and keeps the old one if there is an\n"
    "error in it.\n"
    "\n"
    "Exit status: 0 after a signal or vgpu-ctl's drain, 1 when the part that\n"
    "starts workers has failed, 2 when an option or the configuration is\n"
    "wrong.";

static void set_default(char **option, const char *value)
{
    if (*option == NULL) {
        *option = g_strdup(value);
    }
}

static void options_complete(Options *options)
{
    if (options->connect == NULL) {
        set_default(&options->socket_dir, DEFAULT_SOCKET_DIR);
    }
    if (options->user != NULL) {
        set_default(&options->scratch_dir, DEFAULT_SCRATCH);
    }
    set_default(&options->worker, DEFAULT_WORKER);
    set_default(&options->starter, DEFAULT_STARTER);
    set_default(&options->kernels, DEFAULT_KERNELS);
}

bool options_parse(Options *options, int *argc, char ***argv, GError **error)
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
        { "metrics-socket", 0, 0, G_OPTION_ARG_FILENAME,
          &options->metrics_socket,
          "Answer Prometheus at PATH, to GET /metrics", "PATH" },
        { "rrdd-file", 0, 0, G_OPTION_ARG_FILENAME, &options->rrdd_file,
          "Keep figures of VMs for xcp-rrdd at PATH", "PATH" },
        { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->state_dir,
          "Keep in DIR what a restart may not forget: quarantines", "DIR" },
        { "user", 0, 0, G_OPTION_ARG_STRING, &options->user,
          "Be NAME for good, and have each worker started with a uid of its "
          "own; only root can", "NAME" },
        { "starter", 0, 0, G_OPTION_ARG_FILENAME, &options->starter,
          "Start workers with the program PATH (default: " DEFAULT_STARTER
          ")", "PATH" },
        { "launcher-socket", 0, 0, G_OPTION_ARG_FILENAME,
          &options->launcher_socket,
          "Have launchers run by the service that listens at PATH (default: by "
          "a process of one's own)", "PATH" },
        { "scratch-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->scratch_dir,
          "Have the workers' folders and files in DIR (default with --user: "
          DEFAULT_SCRATCH ")", "DIR" },
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

    if (!command_line_parse(entries, description, argc, argv, error)) {
        return false;
    }
    options_complete(options);
    return true;
}

void options_clear(Options *options)
{
    g_free(options->socket_dir);
    g_strfreev(options->connect);
    g_free(options->config);
    g_free(options->admin_socket);
    g_free(options->metrics_socket);
    g_free(options->rrdd_file);
    g_free(options->state_dir);
    g_free(options->user);
    g_free(options->starter);
    g_free(options->launcher_socket);
    g_free(options->worker);
    g_free(options->scratch_dir);
    g_free(options->kernels);
}
