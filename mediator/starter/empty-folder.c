/*
 * Removes what is in a folder, whatever that is
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "empty-folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 16

/* NULL with errno set when it cannot be read, or is no folder. */
static DIR *open_folder(int parent, const char *name)
{
    const int fd = openat(parent, name,
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

    if (folder == NULL && fd >= 0) {
        close(fd);
    }
    return folder;
}

/* What is in @folder, one after the other; NULL at the end */
static const char *next_name(DIR *folder)
{
    const struct dirent *entry;

    do {
        entry = readdir(folder);
    } while (entry != NULL && (strcmp(entry->d_name, ".") == 0 ||
                               strcmp(entry->d_name, "..") == 0));
    return entry != NULL ? entry->d_name : NULL;
}

/*
 * Remove a file, or a folder that is empty. One that is not can be emptied and
 * moved then.
 */
static bool removed(int folder, const char *name)
{
    if (unlinkat(folder, name, 0) == 0 ||
        unlinkat(folder, name, AT_REMOVEDIR) == 0) {
        return true;
    }
    fchmodat(folder, name, 0700, 0);
    return false;
}

/* Move @name out of @folder to the top. */
static bool lift(int folder, const char *name, int top)
{
    static unsigned next;
    char there[NAME_SIZE];

    for (unsigned tries = 0; tries < UINT_MAX; tries++) {
        snprintf(there, sizeof(there), "%u", next++);
        if (renameat(folder, name, top, there) == 0) {
            return true;
        }
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) {
            return false;
        }
    }
    return false;
}

/*
 * Empty the folder @name at the top: what is a file goes, and a folder that is
 * not empty is moved to the top, where its turn will come. So there is nothing
 * to descend into, however deep it is.
 */
static bool empty(int top, const char *name)
{
    DIR *folder = open_folder(top, name);
    bool good = folder != NULL;

    while (good && (name = next_name(folder)) != NULL) {
        good = removed(dirfd(folder), name) ||
               lift(dirfd(folder), name, top);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return good;
}

/* Remove what is at the top; *@found: there was some. */
static bool clear_top(int top, bool *found)
{
    DIR *folder = open_folder(top, ".");
    bool good = folder != NULL;
    const char *name;

    *found = false;
    while (good && (name = next_name(folder)) != NULL) {
        *found = true;
        good = removed(top, name) ||
               (empty(top, name) &&
                unlinkat(top, name, AT_REMOVEDIR) == 0);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return good;
}

bool empty_folder(int folder)
{
    bool found = true;

    while (found && clear_top(folder, &found)) {
    }
    return !found;
}
