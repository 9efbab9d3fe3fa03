/*
 * What may be asked of vgpu-gate, which has a worker started on another host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "gate-options.h"

#include <stddef.h>

/* What follows @name in @option, or NULL */
static const char *value_of(const char *option, const char *name)
{
    const size_t length = strlen(name);

    return strncmp(option, name, length) == 0 ? option + length : NULL;
}

static bool is_number(const char *text, size_t digits_max)
{
    const size_t digits = strspn(text, "0123456789");

    return digits >= 1 && digits <= digits_max && text[digits] == '\0';
}

static bool has_allowed_value(const char *option)
{
    const char *value;

    if ((value = value_of(option, "--device=")) != NULL) {
        return is_number(value, 3);
    }
    if ((value = value_of(option, "--memory-mib=")) != NULL) {
        return is_number(value, 7);
    }
    value = value_of(option, "--label=");
    return value != NULL && gate_label_allowed(value);
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
    return has_allowed_value(option);
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
