/*
 * libvgpu-stub: a look at a device that another process may have open
 *
 * SPDX-License-Identifier: MIT
 */
#include "vgpu-stub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cancel.h"
#include "holder.h"
#include "sized.h"
#include "sysfs.h"

static int map(int fd, volatile const uint32_t **bar)
{
    void *mapped = mmap(NULL, VGPU_STUB_BAR_SIZE, PROT_READ, MAP_SHARED, fd,
                        0);

    if (mapped == MAP_FAILED) {
        return errno == EINVAL ? -EADDRINUSE : -errno;
    }
    *bar = mapped;
    return 0;
}

/* By the BAR: all of it, and the one process that has its lock */
static int observe_bar(struct vgpu_stub_state *state)
{
    volatile const uint32_t *bar = NULL;
    uint32_t version;
    int fd, rc;

    fd = sysfs_open_bar(state->bdf);
    if (fd < 0) {
        return fd;
    }
    rc = map(fd, &bar);
    if (rc < 0) {
        close(fd);
        return rc;
    }

    /* None of these reads acknowledges an outcome */
    version = bar[VGPU_STUB_REG_PROTOCOL_VER / 4];
    state->status = bar[VGPU_STUB_REG_STATUS / 4];
    state->request_id = bar[VGPU_STUB_REG_REQUEST_ID / 4];
    state->link_up = bar[VGPU_STUB_REG_LINK / 4] & VGPU_STUB_LINK_UP;
    munmap((void *)bar, VGPU_STUB_BAR_SIZE);

    state->user_pid = holder_find(fd);
    state->users = state->user_pid > 0;
    close(fd);
    return version == 0 || version == UINT32_MAX ? -ENODEV : 0;
}

/* By what the driver @name tells anybody */
static int observe_driver(const char *name, struct vgpu_stub_state *state)
{
    char path[64], link[8] = "";
    ssize_t length = -1;
    int fd;

    snprintf(path, sizeof(path), "/sys/class/misc/%s/link", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        length = read(fd, link, sizeof(link) - 1);
        close(fd);
    }
    if (length < 0) {
        return -ENODEV;
    }
    state->driver = true;
    state->link_up = strcmp(link, "up\n") == 0;
    snprintf(path, sizeof(path), "/dev/%s", name);
    state->users = holder_count(path, &state->user_pid);
    return 0;
}

static int observe(const char *bdf, struct vgpu_stub_state *state)
{
    char name[SYSFS_NAME_SIZE];
    int rc;

    rc = sysfs_find(bdf, state->bdf);
    if (rc < 0) {
        return rc;
    }
    rc = sysfs_driver_file(state->bdf, name) ? observe_driver(name, state)
                                             : observe_bar(state);
    if (state->user_pid) {
        holder_name(state->user_pid, state->user_name,
                    sizeof(state->user_name));
    }
    return rc;
}

int vgpu_stub_observe(const char *bdf, struct vgpu_stub_state *state)
{
    struct vgpu_stub_state seen = { .user_pid = 0 };
    const int cancelling = cancel_defer();
    int rc = observe(bdf, &seen);
    int given = SIZED_GIVE(state, seen, user_name);

    cancel_restore(cancelling);
    return given < 0 ? given : rc;
}
