/*
 * vgpu-stub: what there is of the kernel's driver
 *
 * SPDX-License-Identifier: MIT
 */
#include "driver.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define SECURE_BOOT "/sys/firmware/efi/efivars/" \
                    "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

bool driver_file(const char *bdf, char path[64])
{
    char folder[PATH_MAX];
    struct dirent *entry;
    bool found = false;
    DIR *dir;

    snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s/misc", bdf);
    dir = opendir(folder);
    if (!dir) {
        return false;
    }
    while (!found && (entry = readdir(dir))) {
        found = strncmp(entry->d_name, "vgpu-stub", strlen("vgpu-stub")) == 0;
        if (found) {
            snprintf(path, 64, "/dev/%.50s", entry->d_name);
        }
    }
    closedir(dir);
    return found;
}

/* Whether a line of a file has @text in it; false if it cannot be read. */
static bool file_has(const char *path, const char *text)
{
    FILE *file = fopen(path, "re");
    bool found = false;
    char line[4096];

    while (file && !found && fgets(line, sizeof(line), file)) {
        found = strstr(line, text);
    }
    if (file) {
        fclose(file);
    }
    return found;
}

/* The variable's attributes, 4 bytes, come before its value. */
static bool is_secure_boot(void)
{
    unsigned char bytes[5] = { 0 };
    FILE *file = fopen(SECURE_BOOT, "re");
    bool secure;

    secure = file && fread(bytes, 1, sizeof(bytes), file) == sizeof(bytes) &&
             bytes[4] == 1;
    if (file) {
        fclose(file);
    }
    return secure;
}

bool driver_needs_signature(void)
{
    return is_secure_boot() ||
           file_has("/sys/kernel/security/lockdown", "[integrity]") ||
           file_has("/sys/kernel/security/lockdown", "[confidentiality]");
}

/* Whether depmod has found it for the kernel that runs. */
static bool is_installed(void)
{
    struct utsname kernel;
    char path[PATH_MAX];

    if (uname(&kernel) < 0) {
        return false;
    }
    snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep",
             kernel.release);
    return file_has(path, "vgpu-stub.ko");
}

/* Whether it is there, but has no device. */
static bool is_loaded(void)
{
    return file_has("/proc/modules", "vgpu_stub ");
}

const char *driver_state(void)
{
    return is_loaded() ? "loaded, but does not have the device"
           : !is_installed() ? "not installed"
           : driver_needs_signature() ? "not loaded, and this kernel loads only "
                                        "signed modules (Secure Boot)"
                                      : "not loaded";
}

void driver_advise(const char *advice[ADVICE_MAX])
{
    unsigned count = 0;

    if (is_loaded()) {
        advice[count++] = "see why the driver does not have the device: dmesg "
                          "| grep vgpu-stub; another driver is to be unbound "
                          "from it";
        return;
    }
    if (!is_installed()) {
        advice[count++] = "install the driver, as root: apt-get install "
                          "linux-headers-amd64 ./vgpu-stub-dkms_VERSION_all.deb";
    }
    advice[count++] = "load the driver, as root: modprobe vgpu-stub";
    if (driver_needs_signature()) {
        advice[count++] = "Secure Boot refuses a module that is not signed "
                          "('Key was rejected by service'): have its key "
                          "enrolled, mokutil --import /var/lib/dkms/mok.pub, "
                          "then reboot and confirm it";
    }
}
