/*
 * Command lines of the mediator's programs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command-line.h"

bool command_line_parse(const GOptionEntry *entries, const char *description,
                        int *argc, char ***argv, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_description(context, description);
    if (!g_option_context_parse(context, argc, argv, error)) {
        return false;
    }
    if (*argc > 1) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "Unexpected argument %s", (*argv)[1]);
        return false;
    }
    return true;
}
