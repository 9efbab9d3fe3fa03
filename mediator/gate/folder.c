/*
 * A gate's own folder, and what gates that were killed have left of theirs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "starter/empty-folder.h"

#define PREFIX "vgpu-gate-"
#define TEMPLATE PREFIX "XXXXXX"

/* Others may take a new one for one that was left, until it is locked. */
#define TRIES 10

static int open_folder(int parent, const char *name)
{
    return openat(parent, name,
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- Those that were left --- */

static bool is_ours(int folder)
{
    struct stat status;

    return fstat(folder, &status) == 0 && status.st_uid == geteuid() &&
           (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static void clear_unused(int parent, const char *name)
{
    const int folder = open_folder(parent, name);

    if (folder < 0) {
        return;
    }
    if (is_ours(folder) && flock(folder, LOCK_EX | LOCK_NB) == 0 &&
        empty_folder(folder)) {
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    close(folder);
}

void gate_folders_clear(const char *parent)
{
    DIR *folder = opendir(parent);
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strlen(entry->d_name) == strlen(TEMPLATE) &&
            g_str_has_prefix(entry->d_name, PREFIX)) {
            clear_unused(dirfd(folder), entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* --- A new one --- */

/* -1 when somebody else has just removed it, or is about to */
static int lock_folder(const char *path)
{
    const int folder = open_folder(AT_FDCWD, path);
    struct stat status;

    if (folder >= 0 &&
        (flock(folder, LOCK_SH | LOCK_NB) != 0 ||
         fstat(folder, &status) != 0 || status.st_nlink == 0)) {
        close(folder);
        return -1;
    }
    return folder;
}

char *gate_folder_new(const char *parent, int *lock, GError **error)
{
    g_autofree char *path = NULL;

    *lock = -1;
    for (int i = 0; i < TRIES && *lock < 0; i++) {
        g_free(path);
        path = g_build_filename(parent, TEMPLATE, NULL);
        if (g_mkdtemp(path) == NULL) {
            break;
        }
        *lock = lock_folder(path);
    }
    if (*lock < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "%s: %s",
                    path, g_strerror(errno));
        return NULL;
    }
    return g_steal_pointer(&path);
}
