/*
 * The folders of workers, for what their drivers write
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "empty-folder.h"

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
    /* Who clears what others have left behind sees that this is in use. */
    flock(top.fd, LOCK_SH | LOCK_NB);
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

bool scratch_clear(unsigned number)
{
    char name[NAME_SIZE];
    bool good;
    int worker;

    name_of(number, name);
    fchmodat(top.fd, name, 0700, 0);
    worker = openat(top.fd, name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (worker < 0) {
        return false;
    }
    good = empty_folder(worker);
    close(worker);
    return good;
}

bool scratch_remove(unsigned number)
{
    char name[NAME_SIZE];

    return unlinkat(top.fd, name_of(number, name), AT_REMOVEDIR) == 0 ||
           errno == ENOENT;
}
