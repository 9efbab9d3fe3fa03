/*
 * vgpu-stub: what there is of OpenCL
 *
 * SPDX-License-Identifier: MIT
 */
#include "opencl.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* Where programs' loader looks for files that name a driver */
#define VENDORS "/etc/OpenCL/vendors"
#define OUR_DRIVER "libvgpu-stub-opencl.so"

/* Whether the first line of a file has the name of our driver */
static bool names_our_driver(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[PATH_MAX] = "";
    bool found;

    found = file && fgets(line, sizeof(line), file) &&
            strstr(line, OUR_DRIVER);
    if (file) {
        fclose(file);
    }
    return found;
}

static bool is_installed(void)
{
    char path[PATH_MAX];
    struct dirent *entry;
    bool found = false;
    DIR *dir = opendir(VENDORS);

    if (!dir) {
        return false;
    }
    while (!found && (entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');

        snprintf(path, sizeof(path), VENDORS "/%s", entry->d_name);
        found = dot && strcmp(dot, ".icd") == 0 && names_our_driver(path);
    }
    closedir(dir);
    return found;
}

void opencl_examine(const struct vgpu_stub_info *info,
                    const struct vgpu_stub_accelerator *accelerator,
                    struct finding *finding)
{
    static const char *const queue_advice[ADVICE_MAX] = {
        "have the kernel's driver use the device, by its queue: see above",
    };
    static const char *const pool_advice[ADVICE_MAX] = {
        "on the host, give the pool backend=opencl in "
        "/etc/vgpu-stub/mediatord.conf",
    };
    static const char *const permission_advice[ADVICE_MAX] = {
        "on the host, allow it: guest-kernels=yes for this VM in "
        "/etc/vgpu-stub/mediatord.conf",
        "it is allowed: the host's log says why the worker cannot be closed "
        "off: journalctl -u vgpu-mediatord",
    };
    static const char *const install_advice[ADVICE_MAX] = {
        "install it, as root: apt-get install "
        "./vgpu-stub-opencl_VERSION_amd64.deb",
    };

    if (!info->queue) {
        finding_say(finding, EXIT_OK, "no: it needs the kernel's driver and "
                    "the device's queue");
        finding_advise(finding, queue_advice);
    } else if (accelerator->backend != VGPU_STUB_BACKEND_OPENCL) {
        finding_say(finding, EXIT_OK, "no: pool %c has no OpenCL", info->pool);
        finding_advise(finding, pool_advice);
    } else if (!accelerator->opencl) {
        finding_say(finding, EXIT_OK, "no: this VM may not bring kernels, so "
                    "programs find no platform");
        finding_advise(finding, permission_advice);
    } else if (!is_installed()) {
        finding_say(finding, EXIT_OK, "no: its driver is not installed: no "
                    "file of " VENDORS " names " OUR_DRIVER);
        finding_advise(finding, install_advice);
    } else {
        finding_say(finding, EXIT_OK, "yes: programs' kernels run on it");
    }
}
