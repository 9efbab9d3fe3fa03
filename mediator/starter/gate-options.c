/*
 * What may be asked of vgpu-gate, which has a worker started on another host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "gate-options.h"

#include <stddef.h>
#include <string.h>

#define DEVICE "--device="
#define DIGITS_MAX 3

static bool is_device(const char *option)
{
    const char *number = option + strlen(DEVICE);
    const size_t digits = strspn(number, "0123456789");

    return digits >= 1 && digits <= DIGITS_MAX && number[digits] == '\0';
}

static bool is_allowed(const char *option)
{
    static const char *const words[] = {
        "--backend=cpu", "--backend=opencl", "--backend=cuda", "--closed",
        "--probe",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(option, words[i]) == 0) {
            return true;
        }
    }
    return strncmp(option, DEVICE, strlen(DEVICE)) == 0 && is_device(option);
}

bool gate_options_allowed(const char *const *options)
{
    for (; *options != NULL; options++) {
        if (!is_allowed(*options)) {
            return false;
        }
    }
    return true;
}
