/*
 * Orders to the daemon, and its answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include "table.h"

#define ASK_ERROR ask_error_quark()
GQuark ask_error_quark(void);

typedef enum AskError {
    ASK_ERROR_REFUSED,          /* the daemon says why */
    ASK_ERROR_INCOMPLETE,       /* it went before it had answered */
} AskError;

/*
 * Give the order @fields, NULL-terminated, to the daemon whose admin socket is
 * at @path. Returns the table that it answers with, which may have no lines;
 * NULL with an ASK_ERROR or G_IO_ERROR when it was not done.
 */
Table *ask(const char *path, char **fields, GError **error);

#endif /* CTL_ASK_H */
