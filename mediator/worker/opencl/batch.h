/*
 * What a batch of OpenCL's commands says
 *
 * A pure function. The specification is docs/opencl.md, the layouts are in
 * include/vgpu-stub-opencl.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_BATCH_H
#define WORKER_OPENCL_BATCH_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "vgpu-stub-opencl.h"

/* Bulk of a submission, which others may write at any time */
typedef struct ClBulk {
    uint8_t *bytes;
    uint32_t length;            /* 0: there is none */
    uint32_t flags;             /* of VGPU_STUB_SUBMIT_…, which way it goes */
} ClBulk;

/* A command's own structure; structures of the wire are those of the host. */
typedef union ClBody {
    struct vgpu_stub_cl_query query;
    struct vgpu_stub_cl_object object;
    struct vgpu_stub_cl_buffer_create buffer_create;
    struct vgpu_stub_cl_sub_buffer_create sub_buffer_create;
    struct vgpu_stub_cl_range range;
    struct vgpu_stub_cl_rect rect;
    struct vgpu_stub_cl_copy copy;
    struct vgpu_stub_cl_copy_rect copy_rect;
    struct vgpu_stub_cl_program_create program_create;
    struct vgpu_stub_cl_program_link program_link;
    struct vgpu_stub_cl_program_read program_read;
    struct vgpu_stub_cl_kernel_create kernel_create;
    struct vgpu_stub_cl_kernel_arg kernel_arg;
    struct vgpu_stub_cl_kernel_launch kernel_launch;
    struct vgpu_stub_cl_image_formats image_formats;
    struct vgpu_stub_cl_image_create image_create;
    struct vgpu_stub_cl_image_part image_part;
    struct vgpu_stub_cl_image_fill image_fill;
    struct vgpu_stub_cl_image_copy image_copy;
    struct vgpu_stub_cl_image_buffer image_buffer;
    struct vgpu_stub_cl_sampler_create sampler_create;
} ClBody;

G_STATIC_ASSERT(G_BYTE_ORDER == G_LITTLE_ENDIAN);

typedef struct ClCommand {
    uint16_t opcode;            /* one that there is */
    uint16_t flags;             /* VGPU_STUB_CL_FLAG_… */
    ClBody body;
    /*
     * What comes with it: the tail, or the bulk, which is also where a command
     * that reads puts its data then.
     */
    const uint8_t *data;
    size_t length;              /* bytes of `data` */
    uint8_t *bulk;              /* NULL: the data are no bulk */
} ClCommand;

typedef struct ClBatch {
    uint64_t first;
    unsigned count;
    ClCommand commands[VGPU_STUB_CL_BATCH_MAX];
} ClBatch;

/*
 * Decode and check the @length bytes of a batch that came with @bulk, which both
 * have to outlive it. What depends on objects is not looked at: that is a
 * command's own error.
 *
 * Errors: BACKEND_ERROR, with VGPU_STUB_ERR_INVALID_REQUEST.
 */
bool cl_batch_decode(ClBatch *batch, const uint8_t *bytes, size_t length,
                     const ClBulk *bulk, GError **error);

#endif /* WORKER_OPENCL_BATCH_H */
