/*
 * vgpu-worker: executes the requests of one context on an accelerator
 *
 * vgpu-starter starts it, and vgpu-mediatord gives it requests on a socket that
 * is its stdin, as worker-protocol.h says. It trusts the mediator, but not the
 * requests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "closure.h"
#include "output.h"
#include "own-memory.h"
#include "protocol/command-line.h"
#include "root.h"
#include "sandbox.h"
#include "server.h"

#define NAME "vgpu-worker"

#define EXIT_USAGE 2

#define MEMORY_MIB 2048
#define MEMORY_MIB_MAX 1048576

static const char description[] =
    "vgpu-mediatord starts it with a socket as its stdin, for each program of\n"
    "a virtual machine that uses an accelerator. With --probe it tries the\n"
    "accelerator, prints its name and exits.\n"
    "\n"
    "Exit status: 0 when it was told to exit, 1 when the accelerator cannot\n"
    "be opened or the mediator makes no sense, 2 when an option is wrong.";

typedef struct Options {
    char *backend;
    int device;
    int memory_mib;
    char *kernels;
    char *root;
    char *make_root;
    char *label;
    gboolean probe;
} Options;

/* Returns false with @error set when the command line is wrong. */
static bool options_parse(Options *options, int *argc, char ***argv,
                          GError **error)
{
    const GOptionEntry entries[] = {
        { "backend", 0, 0, G_OPTION_ARG_STRING, &options->backend,
          "Execute on NAME: cpu, opencl or cuda", "NAME" },
        { "device", 0, 0, G_OPTION_ARG_INT, &options->device,
          "Use the backend's device N, from 0 (default: 0)", "N" },
        { "memory-mib", 0, 0, G_OPTION_ARG_INT, &options->memory_mib,
          "Take N MiB of this host's memory at most, once the driver is open "
          "(default: 2048)", "N" },
        { "kernels", 0, 0, G_OPTION_ARG_FILENAME, &options->kernels,
          "Offer the kernels in DIR", "DIR" },
        { "label", 0, 0, G_OPTION_ARG_STRING, &options->label,
          "Be for LABEL, for who looks at the host's processes", "LABEL" },
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &options->root,
          "Have no files but those in DIR once the driver is open", "DIR" },
        { "probe", 0, 0, G_OPTION_ARG_NONE, &options->probe,
          "Try the accelerator, show its name and exit", NULL },
        { "make-root", 0, 0, G_OPTION_ARG_FILENAME, &options->make_root,
          "Copy what the driver needs in --root to DIR and exit", "DIR" },
        { 0 }
    };

    if (!command_line_parse(entries, description, argc, argv, error)) {
        return false;
    }
    if (options->backend == NULL || options->kernels == NULL) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "--backend and --kernels have to be given");
        return false;
    }
    if (options->device < 0) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "--device is 0 or more");
        return false;
    }
    if (options->memory_mib < 1 || options->memory_mib > MEMORY_MIB_MAX) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "--memory-mib is 1 to %d", MEMORY_MIB_MAX);
        return false;
    }
    return true;
}

static void options_clear(Options *options)
{
    g_free(options->backend);
    g_free(options->kernels);
    g_free(options->root);
    g_free(options->make_root);
    g_free(options->label);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static bool fail(const char *what, int code, GError **error)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                what, g_strerror(code));
    return false;
}

/*
 * Take the socket off stdin, where a driver or what it starts could get at
 * it. Returns it, or -1.
 */
static int take_socket(GError **error)
{
    int socket = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (socket < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0) {
        fail("stdin", errno, error);
        return -1;
    }
    close(null);
    return socket;
}

/* What the process was started for, with the driver open */
static bool work(const Options *options, Server *server, Session *session,
                 Closure *closure, GError **error)
{
    g_autofree char *line = NULL;

    if (options->make_root != NULL) {
        return root_make(options->make_root, error);
    }
    if (!own_memory_limit(options->memory_mib, error) ||
        !sandbox_enter(options->backend, closure, error)) {
        return false;
    }
    if (!options->probe) {
        return server_run(server, session, error);
    }
    if (!session_try(session, error)) {
        return false;
    }
    /* stdio looks at its files first, which the sandbox may not allow. */
    line = g_strconcat(session_device_name(session), "\n", NULL);
    return write(STDOUT_FILENO, line, strlen(line)) >= 0 ||
           fail("stdout", errno, error);
}

/* With @server, or NULL when it is to serve nobody */
static bool run(const Options *options, Server *server, Output *output,
                GError **error)
{
    SessionOptions session_options = {
        .backend = options->backend,
        .device = options->device,
        .kernels = options->kernels,
        .closed = options->root != NULL,
        .output = output,
        .grant = server_grant,
        .opaque = server,
    };
    Closure *closure = NULL;
    Session *session;
    bool good;

    if (options->root != NULL) {
        closure = closure_new(options->root, error);
        if (closure == NULL) {
            return false;
        }
    }
    /* Before there is a driver, and threads of its */
    if (!closure_drop_capabilities(error)) {
        return false;
    }
    session = session_new(&session_options, error);
    if (session == NULL) {
        return false;
    }
    good = work(options, server, session, closure, error);
    session_free(session);
    return good;
}

/* The same, with what it needs to serve */
static bool run_service(const Options *options, GError **error)
{
    const int socket = take_socket(error);
    g_autoptr(Output) output = socket < 0 ? NULL : output_new(error);
    g_autoptr(Server) server = NULL;

    if (output == NULL) {
        return false;
    }
    server = server_new(socket);
    return run(options, server, output, error);
}

int main(int argc, char **argv)
{
    g_auto(Options) options = { .memory_mib = MEMORY_MIB };
    g_autoptr(GError) error = NULL;

    /* No other worker looks into it, nor writes, while it starts. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    g_set_prgname(NAME);
    if (!options_parse(&options, &argc, &argv, &error)) {
        fprintf(stderr, NAME ": %s (see --help)\n", error->message);
        return EXIT_USAGE;
    }
    if (!(options.probe || options.make_root != NULL
          ? run(&options, NULL, NULL, &error)
          : run_service(&options, &error))) {
        fprintf(stderr, NAME ": %s\n", error->message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
