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

static int open_folder(int parent, const char *name)
{
    return openat(parent, name,
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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
 * Empty @folder, and close it: what is a file goes, and a folder that is not
 * empty is moved to the top, where its turn will come. So there is nothing to
 * descend into, however deep it is.
 */
static bool empty(int folder, int worker)
{
    DIR *stream = fdopendir(folder);
    struct dirent *entry;
    bool good = stream != NULL;

    while (good && (entry = readdir(stream)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            unlinkat(folder, name, 0) == 0 ||
            unlinkat(folder, name, AT_REMOVEDIR) == 0) {
            continue;
        }
        /* Without these rights it can be neither moved nor emptied. */
        good = fchmodat(folder, name, 0700, 0) == 0 &&
               (folder == worker || lift(folder, name, worker));
    }
    if (stream != NULL) {
        closedir(stream);
    }
    return good;
}

/* The first folder in @worker, to be freed; NULL when there is none. */
static char *first_folder(int worker)
{
    int copy = open_folder(worker, ".");
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    char *found = NULL;

    while (stream != NULL && found == NULL &&
           (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0) {
            found = strdup(entry->d_name);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
    return found;
}

bool scratch_clear(unsigned number)
{
    char name[NAME_SIZE];
    int worker;
    bool good;
    char *next;

    name_of(number, name);
    fchmodat(top.fd, name, 0700, 0);
    worker = open_folder(top.fd, name);
    good = worker >= 0 && empty(open_folder(worker, "."), worker);
    while (good && (next = first_folder(worker)) != NULL) {
        int folder = open_folder(worker, next);

        good = folder >= 0 && empty(folder, worker) &&
               (unlinkat(worker, next, AT_REMOVEDIR) == 0 ||
                errno == ENOTEMPTY);
        free(next);
    }
    if (worker >= 0) {
        close(worker);
    }
    return good;
}

bool scratch_remove(unsigned number)
{
    char name[NAME_SIZE];

    return unlinkat(top.fd, name_of(number, name), AT_REMOVEDIR) == 0 ||
           errno == ENOENT;
}
