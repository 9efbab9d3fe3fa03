/*
 * Any file as a configuration
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "vms/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;
    Config *config = config_parse((const char *)bytes, size, "file", &error);

    if (config == NULL) {
        /* It says in which line. */
        g_assert_true(g_str_has_prefix(error->message, "file:"));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_assert_no_error(error);
    g_assert_cmpuint(config_limits(config, "7")->weight, >=, 1);
    g_assert_cmpuint(config_limits(config, "7")->priority, <=,
                     VGPU_STUB_PRIORITY_HIGH);
    config_free(config);
    return 0;
}
