/*
 * libvgpu-stub: a look at a device that another process may have open
 *
 * SPDX-License-Identifier: MIT
 */
#include "vgpu-stub.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"

/* Who holds flock() on the file; 0 is nobody, or nobody that we may see */
static int find_lock_holder(int fd)
{
    char line[256];
    struct stat st;
    int holder = 0;
    FILE *locks;

    locks = fopen("/proc/locks", "re");
    if (!locks) {
        return 0;
    }
    if (fstat(fd, &st) < 0) {
        st.st_ino = 0;
    }
    while (!holder && fgets(line, sizeof(line), locks)) {
        unsigned device_major, device_minor;
        uint64_t inode;
        int pid;

        if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%" SCNu64, &pid,
                   &device_major, &device_minor, &inode) == 4 &&
            inode == st.st_ino && device_major == major(st.st_dev) &&
            device_minor == minor(st.st_dev)) {
            holder = pid;
        }
    }
    fclose(locks);
    return holder;
}

static void read_process_name(int pid, char *name, size_t size)
{
    char path[64];
    FILE *comm;

    name[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    comm = fopen(path, "re");
    if (!comm) {
        return;
    }
    if (fgets(name, size, comm)) {
        name[strcspn(name, "\n")] = '\0';
    }
    fclose(comm);
}

int vgpu_stub_observe(const char *bdf, struct vgpu_stub_state *state)
{
    volatile const uint32_t *bar;
    uint32_t version;
    int fd, rc;

    *state = (struct vgpu_stub_state) { .user_pid = 0 };
    rc = sysfs_find(bdf, state->bdf);
    if (rc < 0) {
        return rc;
    }
    fd = sysfs_open_bar(state->bdf);
    if (fd < 0) {
        return fd;
    }
    bar = mmap(NULL, VGPU_STUB_BAR_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    if (bar == MAP_FAILED) {
        rc = -errno;
        close(fd);
        return rc;
    }

    /* None of these reads acknowledges an outcome */
    version = bar[VGPU_STUB_REG_PROTOCOL_VER / 4];
    state->status = bar[VGPU_STUB_REG_STATUS / 4];
    state->request_id = bar[VGPU_STUB_REG_REQUEST_ID / 4];
    state->link_up = bar[VGPU_STUB_REG_LINK / 4] & VGPU_STUB_LINK_UP;
    munmap((void *)bar, VGPU_STUB_BAR_SIZE);

    state->user_pid = find_lock_holder(fd);
    if (state->user_pid) {
        read_process_name(state->user_pid, state->user_name,
                          sizeof(state->user_name));
    }
    close(fd);
    return version == 0 || version == UINT32_MAX ? -ENODEV : 0;
}
