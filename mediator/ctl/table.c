/*
 * Tables, and how they are shown
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "table.h"

#include <stdbool.h>
#include <string.h>

Table *table_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
}

void table_add(Table *table, const char *fields)
{
    g_ptr_array_add(table, g_strsplit(fields, "\t", -1));
}

Table *table_parse(char **lines, guint count)
{
    g_autoptr(GPtrArray) table = table_new();

    for (guint i = 0; i < count; i++) {
        table_add(table, lines[i]);
        if (g_strv_length(g_ptr_array_index(table, i)) !=
            g_strv_length(g_ptr_array_index(table, 0))) {
            return NULL;
        }
    }
    return g_steal_pointer(&table);
}

static int name_length(const char *name)
{
    return strcspn(name, "#");
}

const char *table_field(const Table *table, guint line, const char *name)
{
    char **names = g_ptr_array_index(table, 0);
    char **fields = g_ptr_array_index(table, line);

    for (guint column = 0; names[column] != NULL; column++) {
        if (strlen(name) == (size_t)name_length(names[column]) &&
            g_str_has_prefix(names[column], name)) {
            return fields[column];
        }
    }
    return NULL;
}

/* Of a field as it is shown: the line of names shows no # */
static int shown_length(const char *field, guint line)
{
    return line == 0 ? name_length(field) : (int)strlen(field);
}

static int column_width(const Table *table, guint column)
{
    int width = 0;

    for (guint line = 0; line < table->len; line++) {
        char **fields = g_ptr_array_index(table, line);

        width = MAX(width, shown_length(fields[column], line));
    }
    return width;
}

char *table_to_text(const Table *table)
{
    GString *text = g_string_new(NULL);
    char **names = table->len > 0 ? g_ptr_array_index(table, 0) : NULL;
    const guint columns = names != NULL ? g_strv_length(names) : 0;
    g_autofree int *widths = g_new(int, columns);

    for (guint column = 0; column < columns; column++) {
        widths[column] = column_width(table, column);
        if (!g_str_has_suffix(names[column], "#")) {
            /* To the left, and the last one without spaces after it */
            widths[column] *= column + 1 < columns ? -1 : 0;
        }
    }
    for (guint line = 0; line < table->len; line++) {
        char **fields = g_ptr_array_index(table, line);

        for (guint column = 0; column < columns; column++) {
            g_string_append_printf(text, "%s%*.*s", column > 0 ? "  " : "",
                                   widths[column],
                                   shown_length(fields[column], line),
                                   fields[column]);
        }
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static void append_json_string(GString *json, const char *escaped)
{
    g_autofree char *bytes = g_strcompress(escaped);
    g_autofree char *text = g_utf8_make_valid(bytes, -1);

    g_string_append_c(json, '"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            g_string_append_printf(json, "\\%c", *at);
        } else if ((guchar)*at < ' ') {
            g_string_append_printf(json, "\\u%04x", *at);
        } else {
            g_string_append_c(json, *at);
        }
    }
    g_string_append_c(json, '"');
}

char *table_to_json(const Table *table)
{
    GString *json = g_string_new("[");

    for (guint row = 1; row < table->len; row++) {
        char **names = g_ptr_array_index(table, 0);
        char **fields = g_ptr_array_index(table, row);

        g_string_append_printf(json, "%s\n  {", row > 1 ? "," : "");
        for (guint column = 0; names[column] != NULL; column++) {
            const char *name = names[column];

            g_string_append_printf(json, "%s\"%.*s\": ",
                                   column > 0 ? ", " : "", name_length(name),
                                   name);
            if (g_str_has_suffix(name, "#")) {
                g_string_append(json, fields[column]);
            } else {
                append_json_string(json, fields[column]);
            }
        }
        g_string_append_c(json, '}');
    }
    g_string_append(json, "\n]\n");
    return g_string_free(json, FALSE);
}
