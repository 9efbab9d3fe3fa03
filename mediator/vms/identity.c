/*
 * Which VM a socket belongs to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "identity.h"

#include <gio/gio.h>
#include <string.h>

#define UUID_LENGTH 36

/* Of 32: what has so many is meant to be one. */
#define UUID_DIGITS_LIKELY 28

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

static bool consists_of(const char *name, const char *characters)
{
    return name[strspn(name, characters)] == '\0';
}

/* Whether nearly all of @name is a UUID's, which it is not as a whole */
static bool is_nearly_uuid(const char *name)
{
    unsigned digits = 0;

    for (const char *at = name; *at != '\0'; at++) {
        digits += g_ascii_isxdigit(*at);
    }
    return digits >= UUID_DIGITS_LIKELY && !identity_is_uuid(name);
}

const char *identity_name_mistake(const char *name)
{
    if (consists_of(name, " \t") || g_ascii_isspace(name[0]) ||
        g_ascii_isspace(name[strlen(name) - 1])) {
        return "a space is not part of a name, write it without";
    }
    if (strpbrk(name, "\"'") != NULL) {
        return "quotes are not part of a name, write it without";
    }
    if (strchr(name, '/') != NULL || g_str_has_suffix(name, ".sock")) {
        return "a VM is not its socket's path: write its UUID, or NAME where "
               "sockets are called NAME-N.sock";
    }
    if (consists_of(name, "0123456789-")) {
        return "a domid is another VM's after the next start: write the VM's "
               "UUID, which `xe vm-list params=uuid,dom-id` shows";
    }
    if (is_nearly_uuid(name)) {
        return "that is not a UUID: write 8-4-4-4-12 hexadecimal digits, as "
               "`xe vm-list params=uuid` shows them";
    }
    return NULL;
}
