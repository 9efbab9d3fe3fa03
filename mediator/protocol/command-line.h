/*
 * Command lines of the mediator's programs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef COMMAND_LINE_H
#define COMMAND_LINE_H

#include <glib.h>
#include <stdbool.h>

/*
 * Parse the options of @entries, where --help shows @description, too. What is
 * no option is wrong, unless an entry takes what remains.
 *
 * Returns false with @error set, of G_OPTION_ERROR, when something is wrong.
 */
bool command_line_parse(const GOptionEntry *entries, const char *description,
                        int *argc, char ***argv, GError **error);

#endif /* COMMAND_LINE_H */
