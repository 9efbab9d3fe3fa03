/*
 * Key files in which nothing is said twice
 *
 * GKeyFile merges groups of the same name and takes the last of several
 * values without a word: a device that was copied and not renamed would be
 * gone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_KEY_FILE_H
#define SST_SIM_KEY_FILE_H

#include <glib.h>

/* The file at @path; NULL with @error set, of G_KEY_FILE_ERROR or
 * G_FILE_ERROR, when it cannot be read or says something twice. */
GKeyFile *key_file_load(const char *path, GError **error);

#endif /* SST_SIM_KEY_FILE_H */
