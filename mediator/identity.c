/*
 * Which VM a socket belongs to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "identity.h"

#include <gio/gio.h>
#include <string.h>

#define UUID_LENGTH 36

bool identity_is_uuid(const char *name)
{
    return g_uuid_string_is_valid(name);
}

bool identity_parse_domid(const char *text, guint32 *domid)
{
    guint64 number;

    if ((text[0] == '0' && text[1] != '\0') ||
        !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &number, NULL)) {
        return false;
    }
    *domid = number;
    return true;
}

/* Understand what comes before the last dash of a socket's name. */
static void identity_parse(Identity *identity, const char *name)
{
    g_autofree char *start = g_strndup(name, UUID_LENGTH);
    const char *rest = name + strlen(start);

    if (!identity_is_uuid(start)) {
        identity->vm = g_strdup(name);
        identity->has_domid = identity_parse_domid(name, &identity->domid);
        return;
    }
    identity->has_domid = rest[0] == '.' &&
                          identity_parse_domid(rest + 1, &identity->domid);
    /* UUID-N.sock is one that somebody has named by hand. */
    identity->vm = rest[0] == '\0' || identity->has_domid
                   ? g_ascii_strdown(start, -1) : g_strdup(name);
}

Identity *identity_of_socket(const char *path)
{
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autofree char *base = g_file_get_basename(file);
    g_autoptr(GRegex) pattern =
        g_regex_new("^(.+)-[0-9]+\\.sock$",
                    G_REGEX_RAW | G_REGEX_DOTALL | G_REGEX_DOLLAR_ENDONLY, 0,
                    NULL);
    g_autoptr(GMatchInfo) match = NULL;
    Identity *identity = g_new0(Identity, 1);

    if (g_regex_match(pattern, base, 0, &match)) {
        g_autofree char *name = g_match_info_fetch(match, 1);

        identity_parse(identity, name);
    } else {
        identity->vm = g_file_get_path(file);
    }
    return identity;
}

void identity_free(Identity *identity)
{
    g_free(identity->vm);
    g_free(identity);
}
