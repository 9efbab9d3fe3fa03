/*
 * vgpu-stub-mmap-test: read a vgpu-stub device's properties, step by step
 *
 * A program of its own, without the library, to show how little it takes to
 * talk to the device: find it in sysfs, map its BAR, read registers. With
 * arguments it compares what it finds with what was expected.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vgpu-stub-regs.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

static _Noreturn void usage(void)
{
    fputs("Usage: vgpu-stub-mmap-test [--device BDF] [POOL PRIORITY VM_ID]\n"
          "Print the properties of the first vgpu-stub device, or of the one "
          "at BDF\n"
          "(such as 0000:00:1e.0), and compare them with those that are "
          "given,\n"
          "for example: B high 200. The exit status is 0 when all is as "
          "expected.\n", stderr);
    exit(1);
}

/* Read a sysfs file that holds a number, such as "0x1af4"; 0 if it cannot. */
static unsigned read_number(const char *device_dir, const char *name)
{
    char path[4096];
    unsigned number = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", device_dir, name);
    file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%x", &number) != 1) {
            number = 0;
        }
        fclose(file);
    }
    return number;
}

static bool is_vgpu_stub(const char *device_dir)
{
    return read_number(device_dir, "vendor") == VGPU_STUB_PCI_VENDOR_ID &&
           read_number(device_dir, "device") == VGPU_STUB_PCI_DEVICE_ID;
}

/* Find the device's directory in sysfs, the first one that ends in @bdf. */
static char *find_device(const char *bdf)
{
    char pattern[4096];
    char *found = NULL;
    glob_t paths;

    snprintf(pattern, sizeof(pattern), PCI_DEVICES "/*%s", bdf);
    if (glob(pattern, 0, NULL, &paths) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < paths.gl_pathc && !found; i++) {
        if (is_vgpu_stub(paths.gl_pathv[i])) {
            found = strdup(paths.gl_pathv[i]);
        }
    }
    globfree(&paths);
    return found;
}

/* Memory decoding is off until someone has asked the kernel for it. */
static void enable_device(const char *device_dir)
{
    char path[4096];
    FILE *file;

    if (read_number(device_dir, "enable") > 0) {
        return;
    }
    snprintf(path, sizeof(path), "%s/enable", device_dir);
    file = fopen(path, "w");
    if (file) {
        fputs("1", file);
        fclose(file);
    }
}

static const volatile uint32_t *map_bar(const char *device_dir)
{
    char path[4096];
    void *bar;
    int fd;

    snprintf(path, sizeof(path), "%s/resource%d", device_dir, VGPU_STUB_BAR);
    fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "%s: %s%s\n", path, strerror(errno),
                errno == EACCES ? "; run as root" : "");
        exit(1);
    }
    bar = mmap(NULL, VGPU_STUB_BAR_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    if (bar == MAP_FAILED) {
        fprintf(stderr, "%s: mmap: %s\n", path, strerror(errno));
        exit(1);
    }
    close(fd);
    return bar;
}

static const char *priority_name(uint32_t priority)
{
    switch (priority) {
    case VGPU_STUB_PRIORITY_LOW:
        return "low";
    case VGPU_STUB_PRIORITY_MEDIUM:
        return "medium";
    case VGPU_STUB_PRIORITY_HIGH:
        return "high";
    default:
        return "unknown";
    }
}

/* Print whether @found is what was @expected; NULL expects nothing. */
static bool check(const char *found, const char *expected)
{
    bool ok;

    if (!expected) {
        return true;
    }
    ok = strcmp(found, expected) == 0;
    printf("  expected %s: %s\n", expected, ok ? "ok" : "WRONG");
    return ok;
}

int main(int argc, char **argv)
{
    const char *bdf = "";
    const char *expected[3] = { NULL, NULL, NULL };
    const volatile uint32_t *bar;
    uint32_t pool, priority, vm_id;
    char text[16];
    char *device_dir;
    bool ok = true;

    if (argc >= 3 && strcmp(argv[1], "--device") == 0) {
        bdf = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc == 4) {
        memcpy(expected, argv + 1, sizeof(expected));
    } else if (argc != 1) {
        usage();
    }

    device_dir = find_device(bdf);
    if (!device_dir) {
        fprintf(stderr, "no vgpu-stub device (%04x:%04x) at " PCI_DEVICES
                "/*%s\n", VGPU_STUB_PCI_VENDOR_ID, VGPU_STUB_PCI_DEVICE_ID,
                bdf);
        return 1;
    }
    printf("Device: %s\n", strrchr(device_dir, '/') + 1);

    enable_device(device_dir);
    bar = map_bar(device_dir);
    pool = bar[VGPU_STUB_REG_POOL_ID / 4];
    priority = bar[VGPU_STUB_REG_PRIORITY / 4];
    vm_id = bar[VGPU_STUB_REG_VM_ID / 4];
    if (pool != VGPU_STUB_POOL_A && pool != VGPU_STUB_POOL_B) {
        fprintf(stderr, "POOL_ID is 0x%x: the device does not answer\n", pool);
        return 1;
    }

    printf("Pool ID: '%c'\n", (char)pool);
    snprintf(text, sizeof(text), "%c", (char)pool);
    ok &= check(text, expected[0]);

    printf("Priority: %u (%s)\n", priority, priority_name(priority));
    ok &= check(priority_name(priority), expected[1]);

    printf("VM ID: %u\n", vm_id);
    snprintf(text, sizeof(text), "%u", vm_id);
    ok &= check(text, expected[2]);

    free(device_dir);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("standard output cannot be written\n", stderr);
        return 1;
    }
    return ok ? 0 : 1;
}
