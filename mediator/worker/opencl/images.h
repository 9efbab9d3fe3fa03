/*
 * Images
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_IMAGES_H
#define WORKER_OPENCL_IMAGES_H

#include "buffers.h"

/* Bytes of the largest pixel that OpenCL has */
#define CL_PIXEL_MAX 16

typedef struct ClImage {
    ClObject base;
    ClSession *session;
    cl_mem memory;
    cl_mem_object_type type;
    cl_image_format format;
    size_t size[3];             /* as in IMAGE_CREATE; each at least 1 */
    size_t pixel;               /* bytes */
    uint64_t cost;              /* bytes that it counts for */
    ClBuffer *buffer;           /* that it is a view of; NULL: it has memory */
} ClImage;

/* The one with @id, or NULL */
ClImage *cl_image_find(const ClSession *session, uint32_t id);

/* A part of an image, as drivers take it */
typedef struct ClPart {
    size_t origin[3];
    size_t region[3];
    uint64_t bytes;             /* of its pixels alone */
} ClPart;

/* Make that part of @image; false when it is empty, or not inside. */
bool cl_image_part(ClPart *part, const ClImage *image,
                   const uint64_t origin[3], const uint64_t region[3]);

#endif /* WORKER_OPENCL_IMAGES_H */
