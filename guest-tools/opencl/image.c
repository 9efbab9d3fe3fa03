/*
 * OpenCL in the guest: how images lie in memory, and what is asked of them
 *
 * SPDX-License-Identifier: MIT
 */
#include "image.h"

#include <stdlib.h>
#include <string.h>

#include "info.h"

unsigned image_dimensions(cl_mem_object_type type)
{
#define DIMENSIONS(type, count) case CL_MEM_OBJECT_##type: return count;

    switch (type) {
    VGPU_STUB_CL_IMAGE_TYPES(DIMENSIONS)
    default:
        return 0;
    }
}

void image_sizes(const struct _cl_mem *image, size_t sizes[3])
{
    const struct image *own = &image->image;
    const bool lines = image->type == CL_MEM_OBJECT_IMAGE1D_ARRAY;
    const bool planes = image->type == CL_MEM_OBJECT_IMAGE2D_ARRAY;
    const unsigned count = image_dimensions(image->type);

    sizes[0] = own->width;
    sizes[1] = count < 2 ? 1 : lines ? own->layers : own->height;
    sizes[2] = count < 3 ? 1 : planes ? own->layers : own->depth;
}

bool image_has(const struct _cl_mem *image, const size_t *origin,
               const size_t *region)
{
    size_t sizes[3];

    if (!origin || !region) {
        return false;
    }
    image_sizes(image, sizes);
    for (unsigned i = 0; i < 3; i++) {
        if (region[i] == 0 || origin[i] > sizes[i] ||
            region[i] > sizes[i] - origin[i]) {
            return false;
        }
    }
    return true;
}

struct rect image_layout(const struct _cl_mem *image, size_t row_pitch,
                         size_t slice_pitch)
{
    const bool lines = image->type == CL_MEM_OBJECT_IMAGE1D_ARRAY;

    return (struct rect) {
        .row_pitch = lines ? slice_pitch : row_pitch,
        .slice_pitch = slice_pitch,
    };
}

/* --- Moving --- */

static void describe_part(const struct box_transfer *box_transfer,
                          const struct box *box, struct box_command *command)
{
    const struct image_transfer *transfer =
        (const struct image_transfer *)box_transfer;
    const size_t pixel = transfer->image->image.pixel;

    command->opcode = box_transfer->read ? VGPU_STUB_CL_IMAGE_READ
                                         : VGPU_STUB_CL_IMAGE_WRITE;
    command->size = sizeof(command->structure.part);
    command->structure.part = (struct vgpu_stub_cl_image_part) {
        .image = transfer->image->id,
        .origin = { transfer->origin[0] + box->origin[0] / pixel,
                    transfer->origin[1] + box->origin[1],
                    transfer->origin[2] + box->origin[2] },
        .region = { box->region[0] / pixel, box->region[1], box->region[2] },
        .size = box_size(box),
    };
}

void image_transfer_set(struct image_transfer *transfer, cl_mem image,
                        bool read, const size_t origin[3],
                        const size_t region[3], const struct rect *here,
                        void *bytes)
{
    struct box_transfer *box = &transfer->box;

    box->read = read;
    box->unit = image->image.pixel;
    memcpy(box->region, region, sizeof(box->region));
    box->region[0] *= image->image.pixel;
    box->here = *here;
    box->bytes = bytes;
    box->describe = describe_part;
    transfer->image = image;
    memcpy(transfer->origin, origin, sizeof(transfer->origin));
}

void *image_transfer_new(cl_mem image, bool read, const size_t origin[3],
                         const size_t region[3], const struct rect *here,
                         void *bytes)
{
    struct image_transfer *transfer = work_new(sizeof(*transfer), box_issue);

    work_use(transfer, image);
    if (transfer) {
        image_transfer_set(transfer, image, read, origin, region, here, bytes);
    }
    return transfer;
}

/* --- Questions --- */

cl_int CL_API_CALL clGetImageInfo(cl_mem image, cl_image_info name,
                                  size_t size, void *value, size_t *size_ret)
{
    static const struct info_field fields[] = {
        INFO_FIELD(CL_IMAGE_FORMAT, struct _cl_mem, image.format),
        INFO_FIELD(CL_IMAGE_ELEMENT_SIZE, struct _cl_mem, image.pixel),
        INFO_FIELD(CL_IMAGE_ROW_PITCH, struct _cl_mem, image.row_pitch),
        INFO_FIELD(CL_IMAGE_SLICE_PITCH, struct _cl_mem, image.slice_pitch),
        INFO_FIELD(CL_IMAGE_WIDTH, struct _cl_mem, image.width),
        INFO_FIELD(CL_IMAGE_HEIGHT, struct _cl_mem, image.height),
        INFO_FIELD(CL_IMAGE_DEPTH, struct _cl_mem, image.depth),
        INFO_FIELD(CL_IMAGE_ARRAY_SIZE, struct _cl_mem, image.layers),
        INFO_FIELD(CL_IMAGE_BUFFER, struct _cl_mem, parent),
    };
    const struct info info = { size, value, size_ret };

    if (!object_is(image, OBJECT_MEM) ||
        image->type == CL_MEM_OBJECT_BUFFER) {
        return CL_INVALID_MEM_OBJECT;
    }
    switch (name) {
    case CL_IMAGE_NUM_MIP_LEVELS:
    case CL_IMAGE_NUM_SAMPLES:
        return INFO_RETURN(&info, cl_uint, 0);
    default:
        return INFO_FIELDS(&info, image, fields, name);
    }
}
