/*
 * Orders to the daemon, and its answers
 *
 * What an order is and what the answer looks like is in ../admin.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ask.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>

#define TIMEOUT_S 10

G_DEFINE_QUARK(ask-error-quark, ask_error)

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

Table *ask(const char *path, char **fields, GError **error)
{
    g_autofree char *line = order_line(fields);
    g_autofree char *answer = exchange(path, line, error);
    g_auto(GStrv) lines = NULL;
    const char *verdict;
    guint count;
    Table *table;

    if (answer == NULL) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    lines = g_strsplit(answer, "\n", -1);
    count = g_strv_length(lines);
    /* There is an empty one after the last line's end. */
    verdict = count >= 2 ? lines[count - 2] : "";
    if (g_str_has_prefix(verdict, "error\t")) {
        g_set_error_literal(error, ASK_ERROR, ASK_ERROR_REFUSED,
                            verdict + strlen("error\t"));
        return NULL;
    }
    table = strcmp(verdict, "ok") == 0 ? table_parse(lines, count - 2) : NULL;
    if (table == NULL) {
        g_set_error_literal(error, ASK_ERROR, ASK_ERROR_INCOMPLETE,
                            "the answer is incomplete");
    }
    return table;
}
