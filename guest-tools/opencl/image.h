/*
 * OpenCL in the guest: images
 *
 * Origins, regions and sizes are three numbers, as OpenCL counts them: pixels;
 * rows, or layers of a 1D array; slices, or layers of a 2D array.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_IMAGE_H
#define OPENCL_IMAGE_H

#include "box.h"
#include "enqueue.h"

/* How many of the three an image of that type has; 0: no such type */
unsigned image_dimensions(cl_mem_object_type type);

/* Those that its type does not have are 1. */
void image_sizes(const struct _cl_mem *image, size_t sizes[3]);

/* Is that a part of it, which is not empty? The arrays may be NULL. */
bool image_has(const struct _cl_mem *image, const size_t *origin,
               const size_t *region);

/*
 * How it lies in the program's memory with these pitches: layers of a 1D array
 * are rows that are a slice pitch apart.
 */
struct rect image_layout(const struct _cl_mem *image, size_t row_pitch,
                         size_t slice_pitch);

/*
 * CL_SUCCESS where the host has images of that format; waits the first time,
 * without the lock.
 */
cl_int image_check_format(const cl_image_format *format, cl_mem_flags flags,
                          cl_mem_object_type type);

/* Bytes that a pixel of that format has at most */
size_t image_pixel_most(const cl_image_format *format);

/* Work that moves a part of an image */
struct image_transfer {
    struct box_transfer box;
    cl_mem image;
    size_t origin[3];
};

/* For what is at @bytes in the program's memory, laid out as @here says */
void image_transfer_set(struct image_transfer *transfer, cl_mem image,
                        bool read, const size_t origin[3],
                        const size_t region[3], const struct rect *here,
                        void *bytes);

/* The same; NULL: no memory */
void *image_transfer_new(cl_mem image, bool read, const size_t origin[3],
                         const size_t region[3], const struct rect *here,
                         void *bytes);

#endif /* OPENCL_IMAGE_H */
