/*
 * libvgpu-stub: which process holds the lock on a file
 *
 * SPDX-License-Identifier: MIT
 */
#include "holder.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "text.h"

/*
 * The process that a line of /proc/locks or of a file in /proc/PID/fdinfo
 * names for a lock on the file of @st; 0: it is not about that.
 */
static int parse_lock(const char *line, const struct stat *st)
{
    unsigned device_major, device_minor;
    uint64_t inode;
    int pid;

    if (strncmp(line, "lock:", strlen("lock:")) == 0) {
        line += strlen("lock:");
    }
    if (sscanf(line, " %*d: FLOCK %*s %*s %d %x:%x:%" SCNu64, &pid,
               &device_major, &device_minor, &inode) != 4 ||
        inode != st->st_ino || device_major != major(st->st_dev) ||
        device_minor != minor(st->st_dev)) {
        return 0;
    }
    return pid;
}

/* The first such process in the file @path; 0 if there is none */
static int find_in_file(const char *path, const struct stat *st)
{
    char line[256];
    int pid = 0;
    FILE *file;

    file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    while (!pid && fgets(line, sizeof(line), file)) {
        pid = parse_lock(line, st);
    }
    fclose(file);
    return pid;
}

/* Whether an open file of process @pid has the lock. */
static bool has_lock(int pid, const struct stat *st)
{
    char path[512];
    struct dirent *entry;
    bool found = false;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
    dir = opendir(path);
    if (!dir) {
        return false;
    }
    while (!found && (entry = readdir(dir))) {
        snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid,
                 entry->d_name);
        found = entry->d_name[0] != '.' && find_in_file(path, st);
    }
    closedir(dir);
    return found;
}

/* A process that has the lock, whoever took it; 0 if there is none */
static int find_heir(const struct stat *st)
{
    struct dirent *entry;
    int heir = 0;
    DIR *dir;

    dir = opendir("/proc");
    if (!dir) {
        return 0;
    }
    while (!heir && (entry = readdir(dir))) {
        int pid = atoi(entry->d_name);

        if (pid > 0 && has_lock(pid, st)) {
            heir = pid;
        }
    }
    closedir(dir);
    return heir;
}

int holder_find(int fd)
{
    struct stat st;
    int pid;

    if (fstat(fd, &st) < 0) {
        return 0;
    }
    pid = find_in_file("/proc/locks", &st);
    return pid && !has_lock(pid, &st) ? find_heir(&st) : pid;
}

void holder_name(int pid, char *name, size_t size)
{
    char path[64], text[64];
    size_t length = 0;
    FILE *comm;

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    comm = fopen(path, "re");
    if (comm) {
        length = fread(text, 1, sizeof(text), comm);
        fclose(comm);
    }
    if (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    text_copy(name, size, text, length);
}
