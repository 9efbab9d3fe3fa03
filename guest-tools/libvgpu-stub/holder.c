/*
 * libvgpu-stub: which processes have a file
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
#include <unistd.h>

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

/* Whether process @pid has the file @path open. */
static bool has_open(int pid, const char *path)
{
    char link[512], target[512];
    struct dirent *entry;
    bool found = false;
    ssize_t length;
    DIR *dir;

    snprintf(link, sizeof(link), "/proc/%d/fd", pid);
    dir = opendir(link);
    if (!dir) {
        return false;
    }
    while (!found && (entry = readdir(dir))) {
        snprintf(link, sizeof(link), "/proc/%d/fd/%s", pid, entry->d_name);
        length = readlink(link, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        found = strcmp(target, path) == 0;
    }
    closedir(dir);
    return found;
}

unsigned holder_count(const char *path, int *pid)
{
    struct dirent *entry;
    unsigned count = 0;
    DIR *dir;

    *pid = 0;
    dir = opendir("/proc");
    if (!dir) {
        return 0;
    }
    while ((entry = readdir(dir))) {
        int one = atoi(entry->d_name);

        if (one > 0 && has_open(one, path)) {
            *pid = *pid ? *pid : one;
            count++;
        }
    }
    closedir(dir);
    return count;
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
