/*
 * Key files in which nothing is said twice
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "key-file.h"

#include <stdbool.h>
#include <string.h>

/* "[group]" or "[group] key"; NULL for a line that is neither */
static char *line_name(char *line, char **group)
{
    char *equals;

    g_strstrip(line);
    if (line[0] == '[') {
        *group = line;
        return g_strdup(line);
    }
    equals = strchr(line, '=');
    if (line[0] == '#' || equals == NULL) {
        return NULL;
    }
    *equals = '\0';
    return g_strdup_printf("%s %s", *group, g_strchomp(line));
}

static bool check_unique(const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash,
                                                       g_str_equal, g_free,
                                                       NULL);
    char *group = NULL;

    for (guint i = 0; lines[i] != NULL; i++) {
        char *name = line_name(lines[i], &group);
        gpointer before;

        if (name == NULL) {
            continue;
        }
        before = g_hash_table_lookup(seen, name);
        if (before != NULL) {
            g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE,
                        "line %u: %s is in line %u already", i + 1, name,
                        GPOINTER_TO_UINT(before));
            g_free(name);
            return false;
        }
        g_hash_table_insert(seen, name, GUINT_TO_POINTER(i + 1));
    }
    return true;
}

/* What follows a NUL would be dropped. */
static bool check_text(const char *text, gsize length, GError **error)
{
    if (strlen(text) != length) {
        g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE,
                    "byte %zu is NUL, this has to be text", strlen(text) + 1);
        return false;
    }
    return true;
}

GKeyFile *key_file_load(const char *path, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, error)) {
        return NULL;
    }
    /* Keys like "size[de]" are not to be dropped: nobody knows them. */
    if (!check_text(text, length, error) ||
        !g_key_file_load_from_data(file, text, length,
                                   G_KEY_FILE_KEEP_TRANSLATIONS, error) ||
        !check_unique(text, error)) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    return g_steal_pointer(&file);
}
