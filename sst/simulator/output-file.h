/*
 * A file that the user has named, to be written at the end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_OUTPUT_FILE_H
#define SST_SIM_OUTPUT_FILE_H

#include <glib.h>
#include <stdbool.h>

/*
 * Make @text, which ends with a NUL, the contents of the file. A regular file
 * has the old contents or the new ones whatever happens. What is something else
 * (a terminal, a FIFO, a symbolic link) stays what it is and is written to.
 */
bool output_file_write(const char *path, const char *text, GError **error);

#endif /* SST_SIM_OUTPUT_FILE_H */
