/*
 * vgpu-ctl: gives the operator's orders to vgpu-mediatord
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <gio/gio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "protocol/command-line.h"
#include "top.h"

#define NAME "vgpu-ctl"
#define DEFAULT_SOCKET "/run/vgpu-mediatord/admin.sock"

#define TOP_DEFAULT_INTERVAL_S 2
#define DRAIN_LOOK_US 100000

#define EXIT_REFUSED 1
#define EXIT_USAGE 2

static const char description[] =
    "Orders:\n"
    "  status                    one line about everything\n"
    "  vms                       a line per VM\n"
    "  workers                   a line per process that executes requests\n"
    "  contexts                  a line per program that uses a queue\n"
    "  queues                    a line per pool and priority\n"
    "  top [SECONDS [COUNT]]     what VMs do, every so many seconds (2)\n"
    "  set VM LIMIT VALUE        set a limit as in mediatord.conf, until the\n"
    "                            daemon reads that anew\n"
    "  quarantine VM [SECONDS]   refuse the VM's requests; without SECONDS\n"
    "                            until it is released\n"
    "  release VM                end a quarantine, whatever its cause\n"
    "  reload                    read the configuration anew\n"
    "  drain                     answer what has come, then end the daemon;\n"
    "                            returns when it has ended\n"
    "\n"
    "In quarantined_s, 0 is a VM that is not and -1 one without an end.\n"
    "\n"
    "Exit status: 0 when it was done, 1 when the daemon refused or cannot be\n"
    "reached, 2 when an option is wrong.";

typedef struct Options {
    char *path;                 /* of the daemon's admin socket */
    gboolean json;
    char **fields;              /* of the order; NULL for none */
} Options;

static void options_clear(Options *options)
{
    g_free(options->path);
    g_strfreev(options->fields);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static bool options_parse(Options *options, int *argc, char ***argv,
                          GError **error)
{
    const GOptionEntry entries[] = {
        { "socket", 0, 0, G_OPTION_ARG_FILENAME, &options->path,
          "The daemon's --admin-socket (default: " DEFAULT_SOCKET ")",
          "PATH" },
        { "json", 0, 0, G_OPTION_ARG_NONE, &options->json,
          "Answer in JSON: a list with an object per line", NULL },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY,
          &options->fields, NULL, "ORDER" },
        { 0 }
    };

    if (!command_line_parse(entries, description, argc, argv, error)) {
        return false;
    }
    if (options->path == NULL) {
        options->path = g_strdup(DEFAULT_SOCKET);
    }
    if (options->fields == NULL) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "an order is missing");
        return false;
    }
    return true;
}

static int fail(const GError *error, int status)
{
    fprintf(stderr, NAME ": %s%s\n", error->message,
            status == EXIT_USAGE ? " (see --help)" : "");
    return status;
}

/* --- Orders that are more than a question --- */

/* Understand @text, which may be missing; false with @error set. */
static bool parse_number(const char *name, const char *text, unsigned maximum,
                         unsigned *number, GError **error)
{
    guint64 value = *number;

    if (text != NULL &&
        !g_ascii_string_to_unsigned(text, 10, 1, maximum, &value, NULL)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s is '%s', 1 to %u is allowed", name, text, maximum);
        return false;
    }
    *number = value;
    return true;
}

static int order_top(const Options *options)
{
    char **fields = options->fields;
    const guint count = g_strv_length(fields);
    g_autoptr(GError) error = NULL;
    Top top = {
        .path = options->path,
        .interval_s = TOP_DEFAULT_INTERVAL_S,
        .json = options->json,
    };

    if (count > 3) {
        g_set_error_literal(&error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "it has to be: top [SECONDS [COUNT]]");
        return fail(error, EXIT_USAGE);
    }
    if (!parse_number("SECONDS", fields[1], TOP_MAX_INTERVAL_S,
                      &top.interval_s, &error) ||
        (count == 3 && !parse_number("COUNT", fields[2], G_MAXINT,
                                     &top.count, &error))) {
        return fail(error, EXIT_USAGE);
    }
    return top_run(&top, &error) ? EXIT_SUCCESS : fail(error, EXIT_REFUSED);
}

/* Whether the daemon that has been told to drain is still there */
static bool is_draining(const char *path)
{
    char *order[] = { (char *)"status", NULL };
    g_autoptr(GPtrArray) status = ask(path, order, NULL);

    return status != NULL && status->len == 2 &&
           g_strcmp0(table_field(status, 1, "state"), "draining") == 0;
}

static int order_any(const Options *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) table = ask(options->path, options->fields, &error);
    g_autofree char *text = NULL;

    if (table == NULL) {
        return fail(error, EXIT_REFUSED);
    }
    text = options->json ? table_to_json(table) : table_to_text(table);
    fputs(text, stdout);
    if (strcmp(options->fields[0], "drain") == 0) {
        while (is_draining(options->path)) {
            g_usleep(DRAIN_LOOK_US);
        }
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    g_auto(Options) options = { 0 };
    g_autoptr(GError) error = NULL;

    g_set_prgname(NAME);
    if (!options_parse(&options, &argc, &argv, &error)) {
        return fail(error, EXIT_USAGE);
    }
    return strcmp(options.fields[0], "top") == 0 ? order_top(&options)
                                                 : order_any(&options);
}
