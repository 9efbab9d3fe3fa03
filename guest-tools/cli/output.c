/*
 * vgpu-stub: the files that receive results
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Write to @fd, which is closed. */
static int write_all(int fd, const char *data, size_t size)
{
    int rc = 0;

    while (size > 0 && rc == 0) {
        ssize_t count = write(fd, data, size);

        if (count >= 0) {
            data += count;
            size -= count;
        } else if (errno != EINTR) {
            rc = -errno;
        }
    }
    if (close(fd) < 0 && rc == 0) {
        rc = -errno;
    }
    return rc;
}

/* Make @temporary and give it the name @path; @old is what has it, or NULL. */
static int replace(const char *path, const char *temporary,
                   const struct stat *old, const void *data, size_t size)
{
    int fd, rc;

    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
              old ? 0600 : 0666);
    if (fd < 0) {
        return -errno;
    }
    /* Of another user's file the new one becomes the caller's. */
    if (old && fchown(fd, old->st_uid, old->st_gid) == 0) {
        fchmod(fd, old->st_mode & 07777);
    } else if (old) {
        fchmod(fd, old->st_mode & 0777);
    }
    rc = write_all(fd, data, size);
    if (rc == 0 && rename(temporary, path) < 0) {
        rc = -errno;
    }
    if (rc < 0) {
        unlink(temporary);
    }
    return rc;
}

int write_output(const char *path, const void *data, size_t size)
{
    struct stat status;
    bool there = lstat(path, &status) == 0;
    char *temporary;
    int fd, rc;

    if (there && !S_ISREG(status.st_mode)) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        return fd < 0 ? -errno : write_all(fd, data, size);
    }
    if (asprintf(&temporary, "%s.%d", path, (int)getpid()) < 0) {
        return -ENOMEM;
    }
    rc = replace(path, temporary, there ? &status : NULL, data, size);
    free(temporary);
    return rc;
}
