/*
 * A file that the user has named, to be written at the end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output-file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>

static bool write_to(const char *path, const char *text, GError **error)
{
    FILE *file = fopen(path, "we");
    bool written = false;

    if (file != NULL) {
        written = fputs(text, file) >= 0;
        written = fclose(file) == 0 && written;
    }
    if (!written) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "%s: %s", path, g_strerror(errno));
    }
    return written;
}

bool output_file_write(const char *path, const char *text, GError **error)
{
    struct stat status;

    /* What g_file_set_contents() renames takes the place of anything. */
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        return write_to(path, text, error);
    }
    return g_file_set_contents(path, text, -1, error);
}
