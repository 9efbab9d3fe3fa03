/*
 * Which VMs are quarantined, kept over a restart of the daemon
 *
 * The file has a line that says what it is, one with the host's boot ID, and
 * one for each VM: when its quarantine ends, in µs of the monotonic clock or
 * `never`, a tab, and its name as g_strescape() makes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "quarantines.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define FIRST_LINE "vgpu-mediatord quarantines 1"
#define NEVER "never"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

struct Quarantines {
    char *path;                 /* or NULL */
    char *boot_id;
    GHashTable *ends;           /* name → gint64: when it ends */
};

/* False when it is not a line of the file. */
static bool parse_line(Quarantines *quarantines, const char *line)
{
    const char *tab = strchr(line, '\t');
    g_autofree char *end = NULL;
    guint64 until = G_MAXINT64;

    if (tab == NULL || tab[1] == '\0') {
        return false;
    }
    end = g_strndup(line, tab - line);
    if (strcmp(end, NEVER) != 0 &&
        !g_ascii_string_to_unsigned(end, 10, 0, G_MAXINT64 - 1, &until,
                                    NULL)) {
        return false;
    }
    g_hash_table_insert(quarantines->ends, g_strcompress(tab + 1),
                        g_memdup(&until, sizeof(until)));
    return true;
}

static void quarantines_parse(Quarantines *quarantines, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    const guint count = g_strv_length(lines);

    if (count < 3 || strcmp(lines[0], FIRST_LINE) != 0 ||
        lines[count - 1][0] != '\0') {
        g_warning("%s: not a list of quarantines, ignored",
                  quarantines->path);
        return;
    }
    if (strcmp(lines[1], quarantines->boot_id) != 0) {
        return;
    }
    for (guint i = 2; i < count - 1; i++) {
        if (!parse_line(quarantines, lines[i])) {
            g_warning("%s:%u: not a quarantine; the list is ignored",
                      quarantines->path, i + 1);
            g_hash_table_remove_all(quarantines->ends);
            return;
        }
    }
}

/*
 * False when the name is that of something else than a file, which a list would
 * take the place of, and which a reader might wait for.
 */
static bool is_file_or_nothing(const char *path, GError **error)
{
    GStatBuf status;

    if (g_lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "%s is not a regular file", path);
        return false;
    }
    return true;
}

static void quarantines_load(Quarantines *quarantines)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (is_file_or_nothing(quarantines->path, &error) &&
        g_file_get_contents(quarantines->path, &text, NULL, &error)) {
        /* After a NUL nothing is read, that is no whole line then. */
        quarantines_parse(quarantines, text);
    } else if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_warning("%s", error->message);
    }
}

static gboolean is_over(gpointer vm G_GNUC_UNUSED, gpointer until,
                        gpointer now)
{
    return *(const gint64 *)until <= *(const gint64 *)now;
}

static bool quarantines_save(Quarantines *quarantines, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer name, value;

    g_string_append_printf(text, FIRST_LINE "\n%s\n", quarantines->boot_id);
    g_hash_table_iter_init(&iter, quarantines->ends);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        g_autofree char *escaped = g_strescape(name, NULL);
        const gint64 until = *(const gint64 *)value;

        if (until == G_MAXINT64) {
            g_string_append_printf(text, NEVER "\t%s\n", escaped);
        } else {
            g_string_append_printf(text, "%" G_GINT64_FORMAT "\t%s\n", until,
                                   escaped);
        }
    }
    if (is_file_or_nothing(quarantines->path, error) &&
        g_file_set_contents(quarantines->path, text->str, text->len, error)) {
        return true;
    }
    g_prefix_error(error, "quarantines will not be kept over a restart: ");
    return false;
}

Quarantines *quarantines_new(const char *path)
{
    Quarantines *quarantines = g_new0(Quarantines, 1);

    quarantines->path = g_strdup(path);
    quarantines->ends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              g_free);
    if (g_file_get_contents(BOOT_ID, &quarantines->boot_id, NULL, NULL)) {
        g_strstrip(quarantines->boot_id);
    } else {
        quarantines->boot_id = g_strdup("");
    }
    if (path != NULL) {
        quarantines_load(quarantines);
    }
    return quarantines;
}

void quarantines_free(Quarantines *quarantines)
{
    g_hash_table_unref(quarantines->ends);
    g_free(quarantines->boot_id);
    g_free(quarantines->path);
    g_free(quarantines);
}

gint64 quarantines_until(const Quarantines *quarantines, const char *vm)
{
    const gint64 *until = g_hash_table_lookup(quarantines->ends, vm);

    return until != NULL ? *until : G_MININT64;
}

bool quarantines_set(Quarantines *quarantines, const char *vm, gint64 until,
                     GError **error)
{
    gint64 now = g_get_monotonic_time();

    g_hash_table_insert(quarantines->ends, g_strdup(vm),
                        g_memdup(&until, sizeof(until)));
    g_hash_table_foreach_remove(quarantines->ends, is_over, &now);
    return quarantines->path == NULL || quarantines_save(quarantines, error);
}

void quarantines_forget(Quarantines *quarantines,
                        bool (*ended)(const char *vm, gpointer opaque),
                        gpointer opaque)
{
    g_autoptr(GError) error = NULL;
    GHashTableIter iter;
    bool changed = false;
    gpointer name;

    g_hash_table_iter_init(&iter, quarantines->ends);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (ended(name, opaque)) {
            g_hash_table_iter_remove(&iter);
            changed = true;
        }
    }
    if (changed && quarantines->path != NULL &&
        !quarantines_save(quarantines, &error)) {
        g_warning("%s", error->message);
    }
}

void quarantines_foreach(const Quarantines *quarantines,
                         void (*function)(const char *vm, gpointer opaque),
                         gpointer opaque)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, quarantines->ends);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        function(name, opaque);
    }
}
