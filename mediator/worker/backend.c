/*
 * What a worker executes on: all that there is
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "backend.h"

G_DEFINE_QUARK(backend-error-quark, backend_error)

bool backend_refuse(GError **error, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    g_propagate_error(error, g_error_new_valist(
        BACKEND_ERROR, VGPU_STUB_ERR_INVALID_REQUEST, format, values));
    va_end(values);
    return false;
}

const BackendClass *backend_find(const char *name)
{
    static const BackendClass *const all[] = {
        &backend_cpu, &backend_opencl, &backend_cuda,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (g_str_equal(all[i]->name, name)) {
            return all[i];
        }
    }
    return NULL;
}
