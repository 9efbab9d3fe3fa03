/*
 * vgpu-ctl: gives the operator's orders to vgpu-mediatord
 *
 * What an order is and what the answer looks like is in ../admin.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "vgpu-ctl"
#define DEFAULT_SOCKET "/run/vgpu-mediatord/admin.sock"
#define TIMEOUT_S 10

#define EXIT_REFUSED 1
#define EXIT_USAGE 2

static const char description[] =
    "Orders:\n"
    "  status                    one line about everything\n"
    "  vms                       a line per VM\n"
    "  queues                    a line per pool and priority\n"
    "  set VM LIMIT VALUE        set a limit as in mediatord.conf, until the\n"
    "                            daemon reads that anew\n"
    "  quarantine VM [SECONDS]   refuse the VM's requests; without SECONDS\n"
    "                            until it is released\n"
    "  release VM                end a quarantine, whatever its cause\n"
    "  reload                    read the configuration anew\n"
    "\n"
    "In quarantined_s, 0 is a VM that is not and -1 one without an end.\n"
    "\n"
    "Exit status: 0 when it was done, 1 when the daemon refused or cannot be\n"
    "reached, 2 when an option is wrong.";

/* The fields as a line; to be freed with g_free(). */
static char *order_line(char **fields)
{
    GString *line = g_string_new(NULL);

    for (int i = 0; fields[i] != NULL; i++) {
        g_autofree char *field = g_strescape(fields[i], NULL);

        g_string_append_printf(line, "%s%s", i > 0 ? "\t" : "", field);
    }
    g_string_append_c(line, '\n');
    return g_string_free(line, FALSE);
}

/* Send @line to the socket at @path; returns all of the answer. */
static char *exchange(const char *path, const char *line, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GSocketConnection) connection = NULL;
    GString *answer;
    GInputStream *input;
    char bytes[4096];
    gssize count;

    g_socket_client_set_timeout(client, TIMEOUT_S);
    connection = g_socket_client_connect(
        client, G_SOCKET_CONNECTABLE(address), NULL, error);
    if (connection == NULL ||
        !g_output_stream_write_all(
            g_io_stream_get_output_stream(G_IO_STREAM(connection)), line,
            strlen(line), NULL, NULL, error)) {
        return NULL;
    }
    answer = g_string_new(NULL);
    input = g_io_stream_get_input_stream(G_IO_STREAM(connection));
    while ((count = g_input_stream_read(input, bytes, sizeof(bytes), NULL,
                                        error)) > 0) {
        g_string_append_len(answer, bytes, count);
    }
    return g_string_free(answer, count < 0);
}

/* --- Tables: lines of fields, the first has the columns' names --- */

static void print_columns(GPtrArray *rows)
{
    char **names = g_ptr_array_index(rows, 0);
    const guint columns = g_strv_length(names);

    for (guint row = 0; row < rows->len; row++) {
        char **fields = g_ptr_array_index(rows, row);

        for (guint column = 0; column < columns; column++) {
            const bool number = g_str_has_suffix(names[column], "#");
            int width = 0;

            for (guint other = 0; other < rows->len; other++) {
                char **line = g_ptr_array_index(rows, other);

                width = MAX(width, (int)strcspn(line[column], "#"));
            }
            printf("%s%*.*s", column > 0 ? "  " : "",
                   number ? width : column + 1 < columns ? -width : 0,
                   (int)strcspn(fields[column], "#"), fields[column]);
        }
        printf("\n");
    }
}

static void print_json_string(const char *escaped)
{
    g_autofree char *bytes = g_strcompress(escaped);
    g_autofree char *text = g_utf8_make_valid(bytes, -1);

    putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            printf("\\%c", *at);
        } else if ((guchar)*at < ' ') {
            printf("\\u%04x", *at);
        } else {
            putchar(*at);
        }
    }
    putchar('"');
}

static void print_json(GPtrArray *rows)
{
    printf("[");
    for (guint row = 1; row < rows->len; row++) {
        char **names = g_ptr_array_index(rows, 0);
        char **fields = g_ptr_array_index(rows, row);

        printf("%s\n  {", row > 1 ? "," : "");
        for (guint column = 0; names[column] != NULL; column++) {
            const char *name = names[column];

            printf("%s\"%.*s\": ", column > 0 ? ", " : "",
                   (int)strcspn(name, "#"), name);
            if (g_str_has_suffix(name, "#")) {
                printf("%s", fields[column]);
            } else {
                print_json_string(fields[column]);
            }
        }
        printf("}");
    }
    printf("\n]\n");
}

/* The lines' fields; NULL when they are not a table. */
static GPtrArray *parse_table(char **lines, guint count)
{
    g_autoptr(GPtrArray) rows =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);

    for (guint i = 0; i < count; i++) {
        g_ptr_array_add(rows, g_strsplit(lines[i], "\t", -1));
        if (g_strv_length(g_ptr_array_index(rows, i)) !=
            g_strv_length(g_ptr_array_index(rows, 0))) {
            return NULL;
        }
    }
    return g_steal_pointer(&rows);
}

/* Print @answer; returns the exit status. */
static int print_answer(const char *answer, bool json)
{
    g_auto(GStrv) lines = g_strsplit(answer, "\n", -1);
    const guint count = g_strv_length(lines);
    /* There is an empty one after the last line's end. */
    const char *verdict = count >= 2 ? lines[count - 2] : "";
    g_autoptr(GPtrArray) rows = NULL;

    if (g_str_has_prefix(verdict, "error\t")) {
        fprintf(stderr, NAME ": %s\n", verdict + strlen("error\t"));
        return EXIT_REFUSED;
    }
    rows = strcmp(verdict, "ok") == 0 ? parse_table(lines, count - 2) : NULL;
    if (rows == NULL) {
        fprintf(stderr, NAME ": the answer is incomplete\n");
        return EXIT_REFUSED;
    }
    if (json) {
        print_json(rows);
    } else if (rows->len > 0) {
        print_columns(rows);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    g_autofree char *path = NULL;
    gboolean json = FALSE;
    g_auto(GStrv) fields = NULL;
    const GOptionEntry entries[] = {
        { "socket", 0, 0, G_OPTION_ARG_FILENAME, &path,
          "The daemon's --admin-socket (default: " DEFAULT_SOCKET ")",
          "PATH" },
        { "json", 0, 0, G_OPTION_ARG_NONE, &json,
          "Answer in JSON: a list with an object per line", NULL },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &fields,
          NULL, "ORDER" },
        { 0 }
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *line = NULL;
    g_autofree char *answer = NULL;

    g_set_prgname(NAME);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_description(context, description);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, NAME ": %s (see --help)\n", error->message);
        return EXIT_USAGE;
    }
    if (fields == NULL) {
        fprintf(stderr, NAME ": an order is missing (see --help)\n");
        return EXIT_USAGE;
    }
    line = order_line(fields);
    answer = exchange(path != NULL ? path : DEFAULT_SOCKET, line, &error);
    if (answer == NULL) {
        fprintf(stderr, NAME ": %s: %s\n",
                path != NULL ? path : DEFAULT_SOCKET, error->message);
        return EXIT_REFUSED;
    }
    return print_answer(answer, json);
}
