/*
 * vgpu-stub: why a device cannot be opened, and what to do
 *
 * SPDX-License-Identifier: MIT
 */
#include "cause.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "driver.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

static void __attribute__((format(printf, 2, 3)))
say(struct cause *cause, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(cause->text, sizeof(cause->text), format, args);
    va_end(args);
}

static void advise(struct cause *cause, const char *first, const char *second,
                   const char *third)
{
    cause->advice[0] = first;
    cause->advice[1] = second;
    cause->advice[2] = third;
}

/* The address of what was asked for: the first device where that is any */
static void find_address(const char *device, char bdf[VGPU_STUB_BDF_SIZE])
{
    if (device) {
        snprintf(bdf, VGPU_STUB_BDF_SIZE, "%s%s",
                 strlen(device) < strlen("0000:00:00.0") ? "0000:" : "",
                 device);
    } else if (vgpu_stub_list((char (*)[VGPU_STUB_BDF_SIZE])bdf, 1) < 1) {
        strcpy(bdf, "ADDRESS");
    }
}

/* The name of the driver that is bound to the device; false: none is */
static bool find_driver(const char *bdf, char name[64])
{
    char path[PATH_MAX], target[PATH_MAX];
    const char *last;
    ssize_t length;

    snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", bdf);
    length = readlink(path, target, sizeof(target) - 1);
    if (length < 0) {
        return false;
    }
    target[length] = '\0';
    last = strrchr(target, '/');
    snprintf(name, 64, "%.63s", last ? last + 1 : target);
    return true;
}

/* The first line of a file; "" if it cannot be read */
static void read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");

    if (!file || !fgets(line, size, file)) {
        line[0] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
    if (file) {
        fclose(file);
    }
}

/* Whether the uids of this process are those of the machine. */
static bool is_in_user_namespace(void)
{
    unsigned long inside, outside, count;
    char line[128];

    read_line("/proc/self/uid_map", line, sizeof(line));
    return sscanf(line, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
           !(inside == 0 && outside == 0 && count >= UINT32_MAX);
}

/* The driver has the device, but there is no file for it. */
static void find_no_file(const char *path, struct cause *cause)
{
    say(cause, "the driver has the device, but there is no %s", path);
    snprintf(cause->advice_text, sizeof(cause->advice_text),
             "in a container, have it run with the file: --device %s", path);
    advise(cause, cause->advice_text,
           "see whether /dev is a devtmpfs: mount | grep ' /dev '", NULL);
}

static void find_no_device(const char *device, struct cause *cause)
{
    char first[1][VGPU_STUB_BDF_SIZE], bdf[VGPU_STUB_BDF_SIZE], path[64];

    find_address(device, bdf);
    if (driver_file(bdf, path)) {
        find_no_file(path, cause);
    } else if (device) {
        say(cause, "no vgpu-stub device has this address; 'vgpu-stub list' "
            "shows those that exist");
        advise(cause, "see which devices there are: vgpu-stub list", NULL,
               NULL);
    } else if (vgpu_stub_list(first, 1) > 0) {
        say(cause, "%s has the ids of a vgpu-stub device, but is none",
            first[0]);
        advise(cause, "see what it is: lspci -vv -d 1af4:1111; a vgpu-stub "
               "device has one region of memory, of 4K",
               "it was one: it has been unplugged, or its QEMU has ended",
               NULL);
    } else {
        say(cause, "no vgpu-stub device in this machine; the host has to "
            "attach one");
        advise(cause, "on the host, attach a device: on XCP-ng, xe "
               "vm-param-set uuid=UUID "
               "platform:device-model-args='-device vgpu-stub'",
               "then reboot this VM: on the host xe vm-reboot uuid=UUID, or "
               "from inside, some seconds later",
               "it was attached already: the host's log has the reason, in "
               "lines with vgpu-stub");
    }
}

/* The driver's file may not be opened. */
static void find_no_membership(const char *path, struct cause *cause)
{
    say(cause, "permission denied: %s is for members of the group render",
        path);
    snprintf(cause->advice_text, sizeof(cause->advice_text),
             "it is root's alone: have udev know the driver's rule, udevadm "
             "trigger %s, or chgrp render %s", path, path);
    advise(cause, "as root, make this user one, then log in anew: usermod -aG "
           "render USER", cause->advice_text, NULL);
}

static void find_no_permission(const char *device, struct cause *cause)
{
    char bdf[VGPU_STUB_BDF_SIZE], path[64];

    find_address(device, bdf);
    if (driver_file(bdf, path)) {
        find_no_membership(path, cause);
    } else if (is_in_user_namespace()) {
        say(cause, "permission denied: this is a user namespace, whose root "
            "is not the machine's");
        advise(cause, "run it outside of the container, as root", NULL, NULL);
    } else if (geteuid() != 0) {
        say(cause, "permission denied: the driver is %s, and without it this "
            "needs root", driver_state());
        driver_advise(cause->advice);
    } else if (driver_needs_signature()) {
        say(cause, "the kernel does not let root map devices: it is locked "
            "down (Secure Boot)");
        driver_advise(cause->advice);
    } else {
        say(cause, "permission denied, although this is root and the kernel "
            "is not known to be locked down");
        advise(cause, "in a container, have it run with all capabilities and "
               "without a filter of system calls: --privileged",
               "see whether a security module refuses it: the kernel's log, "
               "dmesg",
               "see whether the kernel is locked down: mount -t securityfs "
               "securityfs /sys/kernel/security, then "
               "/sys/kernel/security/lockdown");
    }
}

static void find_user(const char *device, struct cause *cause)
{
    struct vgpu_stub_state state = { .struct_size = sizeof(state) };

    if (vgpu_stub_observe(device, &state) == 0 && state.user_pid) {
        say(cause, "%s is in use by process %d (%s)", state.bdf,
            state.user_pid, state.user_name);
    } else {
        say(cause, "in use by another process; try again when that has "
            "ended");
    }
    advise(cause, "wait until that process has ended, or end it: without the "
           "driver one process at a time uses a device",
           "load the driver, as root: modprobe vgpu-stub",
           "attach another device for this program on the host");
}

/* The kernel does not map the BAR. */
static void find_claim(const char *device, struct cause *cause)
{
    char bdf[VGPU_STUB_BDF_SIZE], driver[64];

    find_address(device, bdf);
    if (find_driver(bdf, driver)) {
        say(cause, "%s is claimed by the kernel's driver %s", bdf, driver);
        snprintf(cause->advice_text, sizeof(cause->advice_text),
                 "unbind it: echo %s > /sys/bus/pci/drivers/%s/unbind", bdf,
                 driver);
        advise(cause, cause->advice_text, NULL, NULL);
    } else {
        say(cause, "the kernel keeps the memory of %s for a driver, and none "
            "is bound", bdf);
        advise(cause, "see who has it: /proc/iomem",
               "boot with iomem=relaxed on the kernel's command line", NULL);
    }
}

void find_cause(const char *device, int error, struct cause *cause)
{
    *cause = (struct cause) { .text = "" };
    switch (error) {
    case -EINVAL:
        say(cause, "not a PCI address, which looks like 0000:00:1e.0");
        advise(cause, "see which devices there are: vgpu-stub list", NULL,
               NULL);
        break;
    case -ENODEV:
        find_no_device(device, cause);
        break;
    case -EACCES:
    case -EPERM:
        find_no_permission(device, cause);
        break;
    case -EROFS:
        say(cause, "/sys is mounted read-only, as in a container");
        advise(cause, "run it outside of the container",
               "or have the container run with /sys writable: --privileged",
               NULL);
        break;
    case -EBUSY:
        find_user(device, cause);
        break;
    case -EADDRINUSE:
        find_claim(device, cause);
        break;
    case -EIO:
        say(cause, "memory decoding is off and cannot be turned on; see the "
            "kernel's log");
        advise(cause, "look for errors about the device in the kernel's log: "
               "dmesg",
               "restart the device: echo 1 > "
               "/sys/bus/pci/devices/ADDRESS/remove, then echo 1 > "
               "/sys/bus/pci/rescan", NULL);
        break;
    case -EPROTONOSUPPORT:
        say(cause, "the device speaks another version of the protocol; use "
            "the tools that belong to it");
        advise(cause, "install the version of these tools that belongs to the "
               "host's QEMU: they support protocol 1", NULL, NULL);
        break;
    default:
        say(cause, "%s", strerror(-error));
    }
}
