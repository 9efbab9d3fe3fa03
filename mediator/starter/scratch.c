/*
 * The folders of workers, for what their drivers write
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 16

static struct {
    int fd;
    char path[PATH_MAX];
} top = { .fd = -1 };

static const char *name_of(unsigned number, char *name)
{
    snprintf(name, NAME_SIZE, "%u", number);
    return name;
}

bool scratch_open(const char *path)
{
    struct stat folder;

    if (snprintf(top.path, sizeof(top.path), "%s", path) >=
        (int)sizeof(top.path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    top.fd = open(top.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top.fd < 0 || fstat(top.fd, &folder) != 0) {
        return false;
    }
    if (folder.st_uid != geteuid() || folder.st_mode & (S_IWGRP | S_IWOTH)) {
        errno = EPERM;
        return false;
    }
    return true;
}

bool scratch_make(unsigned number, uid_t uid)
{
    char name[NAME_SIZE];

    name_of(number, name);
    return mkdirat(top.fd, name, 0700) == 0 &&
           (uid == 0 || fchownat(top.fd, name, uid, uid,
                                 AT_SYMLINK_NOFOLLOW) == 0);
}

bool scratch_exists(unsigned number)
{
    char name[NAME_SIZE];
    struct stat folder;

    return fstatat(top.fd, name_of(number, name), &folder,
                   AT_SYMLINK_NOFOLLOW) == 0;
}

int scratch_lock(unsigned number)
{
    char name[NAME_SIZE + sizeof(".lock")];
    int fd;

    snprintf(name, sizeof(name), "%u.lock", number);
    fd = openat(top.fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void scratch_announce(unsigned number)
{
    static const char *const variables[] = {
        "TMPDIR", "HOME", "XDG_CACHE_HOME", "POCL_CACHE_DIR",
        "CUDA_CACHE_PATH",
    };
    char path[PATH_MAX + NAME_SIZE];

    snprintf(path, sizeof(path), "%s/%u", top.path, number);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        setenv(variables[i], path, 1);
    }
}

/* --- Their end --- */

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

/* Move @name out of @folder to the top of the worker's folder. */
static bool lift(int folder, const char *name, int worker)
{
    static unsigned next;
    char there[NAME_SIZE];

    for (unsigned tries = 0; tries < UINT_MAX; tries++) {
        if (renameat(folder, name, worker, name_of(next++, there)) == 0) {
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
static bool empty(int worker, const char *name)
{
    DIR *folder = open_folder(worker, name);
    bool good = folder != NULL;

    while (good && (name = next_name(folder)) != NULL) {
        good = removed(dirfd(folder), name) ||
               lift(dirfd(folder), name, worker);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return good;
}

/* Remove what is at the top of the worker's folder; *@found: there was some. */
static bool clear_top(int worker, bool *found)
{
    DIR *folder = open_folder(worker, ".");
    bool good = folder != NULL;
    const char *name;

    *found = false;
    while (good && (name = next_name(folder)) != NULL) {
        *found = true;
        good = removed(worker, name) ||
               (empty(worker, name) &&
                unlinkat(worker, name, AT_REMOVEDIR) == 0);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return good;
}

bool scratch_clear(unsigned number)
{
    char name[NAME_SIZE];
    bool found = true;
    DIR *worker;

    name_of(number, name);
    fchmodat(top.fd, name, 0700, 0);
    worker = open_folder(top.fd, name);
    if (worker == NULL) {
        return false;
    }
    while (found && clear_top(dirfd(worker), &found)) {
    }
    closedir(worker);
    return !found;
}

bool scratch_remove(unsigned number)
{
    char name[NAME_SIZE];

    return unlinkat(top.fd, name_of(number, name), AT_REMOVEDIR) == 0 ||
           errno == ENOENT;
}
