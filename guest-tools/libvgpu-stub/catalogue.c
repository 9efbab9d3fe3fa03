/*
 * libvgpu-stub: the kernels of the host's catalogue
 *
 * SPDX-License-Identifier: MIT
 */
#include "clock.h"
#include "operation.h"

/* Some rows from @first on, at least one; returns how many there are in all. */
static int get_rows(struct vgpu_stub *dev, uint32_t first,
                    struct vgpu_stub_kernel_row *rows, uint32_t max,
                    uint32_t *got, int64_t deadline_us, unsigned flags,
                    struct vgpu_stub_outcome *outcome)
{
    const struct operation list = {
        .opcode = VGPU_STUB_OP_LIST_KERNELS,
        .param_count = 1,
        .params = &first,
    };
    struct vgpu_stub_reply reply;
    uint32_t all, here;
    int rc;

    rc = operation_call(dev, &list, 1, deadline_us, flags, outcome, &reply);
    if (rc < 0) {
        return rc;
    }
    all = reply.results[0];
    here = reply.data_length / sizeof(*rows);
    if (all > INT32_MAX || first > all || here > all - first ||
        (here == 0 && first < all)) {
        return -EBADMSG;
    }
    *got = here < max ? here : max;
    for (uint32_t i = 0; i < *got; i++) {
        memcpy(&rows[i], reply.data + i * sizeof(*rows), sizeof(*rows));
        rows[i].name[sizeof(rows[i].name) - 1] = '\0';
    }
    return all;
}

int vgpu_stub_list_kernels(struct vgpu_stub *dev,
                           struct vgpu_stub_kernel_row *rows, int max,
                           int timeout_ms, unsigned flags,
                           struct vgpu_stub_outcome *outcome)
{
    const int64_t deadline = clock_deadline(timeout_ms);
    struct vgpu_stub_outcome unwanted;
    uint32_t first = 0, got;
    int cancelling, rc;

    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    do {
        rc = get_rows(dev, first, rows + first, max > 0 ? max - first : 0,
                      &got, deadline, flags, outcome ? outcome : &unwanted);
        first += rc < 0 ? 0 : got;
    } while (rc > 0 && got > 0 && (int)first < rc && (int)first < max);
    opened_end(dev, cancelling);
    return rc;
}
