/*
 * Which VM a socket belongs to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "identity.h"

#include <gio/gio.h>

char *identity_of_socket(const char *path)
{
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autofree char *name = g_file_get_basename(file);
    g_autoptr(GRegex) pattern =
        g_regex_new("^(.+)-[0-9]+\\.sock$",
                    G_REGEX_RAW | G_REGEX_DOTALL | G_REGEX_DOLLAR_ENDONLY, 0,
                    NULL);
    g_autoptr(GMatchInfo) match = NULL;

    if (g_regex_match(pattern, name, 0, &match)) {
        return g_match_info_fetch(match, 1);
    }
    return g_file_get_path(file);
}

bool identity_domid(const char *name, guint64 *domid)
{
    return g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT32, domid, NULL);
}
