/*
 * What a session can run of the catalogue, for guests that ask
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session-private.h"

#define ROW_SIZE sizeof(struct vgpu_stub_kernel_row)

/* Has the backend what it takes for the kernel, whose rows are those? */
static bool can_run(const BackendClass *class, const CatalogueKernel *kernel,
                    const struct vgpu_stub_kernel_row *rows, unsigned count)
{
    uint32_t types[KERNEL_MAX_ARGUMENTS];

    if (class->suffix != NULL) {
        return catalogue_kernel_program(kernel) != NULL;
    }
    for (unsigned i = 1; i < count; i++) {
        types[i - 1] = GUINT32_FROM_LE(rows[i].type);
    }
    return class->has(rows[0].name, types, count - 1);
}

GArray *session_kernel_rows(const BackendClass *class,
                            const Catalogue *catalogue)
{
    GArray *rows = g_array_new(FALSE, FALSE, ROW_SIZE);
    g_autoptr(GList) kernels = catalogue_kernels(catalogue);

    for (const GList *link = kernels; link != NULL; link = link->next) {
        const guint before = rows->len;

        catalogue_kernel_describe(link->data, rows);
        if (!can_run(class, link->data,
                     &g_array_index(rows, struct vgpu_stub_kernel_row, before),
                     rows->len - before)) {
            g_array_set_size(rows, before);
        }
    }
    return rows;
}

bool session_list_kernels(Session *session, const SessionRequest *request,
                          GError **error)
{
    const GArray *rows = session->rows;
    const uint32_t first = call_param(request->call, 0);
    Reply *reply = request->reply;
    size_t count;

    if (first > rows->len) {
        return backend_refuse(error, "first row: above their number, which is "
                              "%u", rows->len);
    }
    session_append32(reply, rows->len);
    count = reply->room < sizeof(uint32_t) ? 0
            : (reply->room - sizeof(uint32_t)) / ROW_SIZE;
    if (count == 0 && first < rows->len) {
        g_set_error(error, BACKEND_ERROR, VGPU_STUB_ERR_INVALID_LENGTH,
                    "the response has no room for a row, which has %zu bytes",
                    ROW_SIZE);
        return false;
    }
    count = MIN(count, rows->len - first);
    reply_append_data(reply, rows->data + first * ROW_SIZE,
                      count * ROW_SIZE);
    return true;
}
