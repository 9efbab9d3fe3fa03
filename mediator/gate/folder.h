/*
 * A gate's own folder, and what gates that were killed have left of theirs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GATE_FOLDER_H
#define GATE_FOLDER_H

#include <glib.h>

/*
 * Remove the folders in the folder @parent that gates of this user had and that
 * are in nobody's use any more.
 */
void gate_folders_clear(const char *parent);

/*
 * Make one in @parent; returns its path, to be freed, or NULL with a G_IO_ERROR.
 * It is in use as long as the descriptor @lock is open here, or its starter
 * lives.
 */
char *gate_folder_new(const char *parent, int *lock, GError **error);

#endif /* GATE_FOLDER_H */
