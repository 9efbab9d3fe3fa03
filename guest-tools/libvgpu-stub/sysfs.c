/*
 * libvgpu-stub: devices in sysfs
 *
 * SPDX-License-Identifier: MIT
 */
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cancel.h"

int sysfs_open_attribute(const char *bdf, const char *name, int flags)
{
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), SYSFS_PCI_DEVICES "/%s/%s", bdf, name);
    fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) {
        /* The attribute goes with its device */
        return errno == ENOENT ? -ENODEV : -errno;
    }
    return fd;
}

/* Read an attribute that is a PCI id, such as "0x1af4"; -1 if it cannot be. */
static long read_id(const char *bdf, const char *name)
{
    char text[16];
    ssize_t length;
    int fd;

    fd = sysfs_open_attribute(bdf, name, O_RDONLY);
    if (fd < 0) {
        return -1;
    }
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (length <= 0) {
        return -1;
    }
    text[length] = '\0';
    return strtol(text, NULL, 16);
}

static bool is_vgpu_stub(const char *bdf)
{
    return read_id(bdf, "vendor") == VGPU_STUB_PCI_VENDOR_ID &&
           read_id(bdf, "device") == VGPU_STUB_PCI_DEVICE_ID;
}

static int select_vgpu_stub(const struct dirent *entry)
{
    return strlen(entry->d_name) < VGPU_STUB_BDF_SIZE &&
           is_vgpu_stub(entry->d_name);
}

static int list(char bdf[][VGPU_STUB_BDF_SIZE], int max)
{
    struct dirent **entries;
    int count;

    count = scandir(SYSFS_PCI_DEVICES, &entries, select_vgpu_stub, alphasort);
    if (count < 0) {
        return errno == ENOENT ? 0 : -errno;    /* a machine without PCI */
    }
    for (int i = 0; i < count; i++) {
        if (i < max) {
            strcpy(bdf[i], entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

int vgpu_stub_list(char bdf[][VGPU_STUB_BDF_SIZE], int max)
{
    const int cancelling = cancel_defer();
    int count = list(bdf, max);

    cancel_restore(cancelling);
    return count;
}

static int parse_bdf(const char *text, char bdf[VGPU_STUB_BDF_SIZE])
{
    unsigned domain = 0, bus, slot, function;

    if (sscanf(text, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4) {
        domain = 0;
        if (sscanf(text, "%x:%x.%x", &bus, &slot, &function) != 3) {
            return -EINVAL;
        }
    }
    snprintf(bdf, VGPU_STUB_BDF_SIZE, "%04x:%02x:%02x.%x",
             domain, bus, slot, function);

    /* sscanf() is lenient; an address written as usual comes out unchanged */
    if (strcasecmp(text, bdf) != 0 &&
        strcasecmp(text, bdf + strlen("0000:")) != 0) {
        return -EINVAL;
    }
    return 0;
}

int sysfs_find(const char *wanted, char bdf[VGPU_STUB_BDF_SIZE])
{
    int rc;

    if (wanted) {
        rc = parse_bdf(wanted, bdf);
        if (rc < 0) {
            return rc;
        }
        return is_vgpu_stub(bdf) ? 0 : -ENODEV;
    }

    rc = list((char (*)[VGPU_STUB_BDF_SIZE])bdf, 1);
    if (rc < 0) {
        return rc;
    }
    return rc > 0 ? 0 : -ENODEV;
}

bool sysfs_driver_file(const char *bdf, char name[SYSFS_NAME_SIZE])
{
    const struct dirent *entry;
    char path[PATH_MAX];
    bool found = false;
    DIR *dir;

    snprintf(path, sizeof(path), SYSFS_PCI_DEVICES "/%s/misc", bdf);
    dir = opendir(path);
    if (!dir) {
        return false;
    }
    while (!found && (entry = readdir(dir))) {
        found = strncmp(entry->d_name, "vgpu-stub", strlen("vgpu-stub")) == 0;
        if (found) {
            snprintf(name, SYSFS_NAME_SIZE, "%.31s", entry->d_name);
        }
    }
    closedir(dir);
    return found;
}

static bool memory_is_enabled(const char *bdf)
{
    uint8_t command = 0;
    int fd;

    fd = sysfs_open_attribute(bdf, "config", O_RDONLY);
    if (fd < 0) {
        return false;
    }
    if (pread(fd, &command, 1, PCI_COMMAND) != 1) {
        command = 0;
    }
    close(fd);
    return command & PCI_COMMAND_MEMORY;
}

static int enable_memory(const char *bdf)
{
    int fd, rc = 0;

    if (memory_is_enabled(bdf)) {
        return 0;
    }
    fd = sysfs_open_attribute(bdf, "enable", O_WRONLY);
    if (fd < 0) {
        return fd;
    }
    if (write(fd, "1", 1) != 1) {
        rc = -errno;
    }
    close(fd);
    if (rc < 0) {
        return rc;
    }
    /* The kernel does nothing when it believes that the device is enabled */
    return memory_is_enabled(bdf) ? 0 : -EIO;
}

int sysfs_open_bar(const char *bdf)
{
    struct stat st;
    int fd, rc;

    fd = sysfs_open_attribute(bdf, "resource0", O_RDWR | O_SYNC);
    if (fd < 0) {
        return fd;
    }
    if (fstat(fd, &st) < 0) {
        rc = -errno;
        goto fail;
    }
    if (st.st_size != VGPU_STUB_BAR_SIZE) {
        rc = -ENODEV;       /* the same ids, but something else */
        goto fail;
    }
    rc = enable_memory(bdf);
    if (rc < 0) {
        goto fail;
    }
    return fd;

fail:
    close(fd);
    return rc;
}

int sysfs_lock_bar(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    }
    return 0;
}

void sysfs_unlock_bar(int fd)
{
    flock(fd, LOCK_UN);
}
