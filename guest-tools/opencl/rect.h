/*
 * OpenCL in the guest: rectangles of buffers and of the program's memory
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_RECT_H
#define OPENCL_RECT_H

#include "objects.h"

/* Where a rectangle lies: bytes, rows and slices from the memory's begin */
struct rect {
    size_t origin[3];
    size_t row_pitch;           /* bytes */
    size_t slice_pitch;
};

/*
 * Fill @rect with what a function was given, where a pitch of 0 is the least.
 * False: the region is empty, or a pitch does not go with it.
 */
bool rect_set(struct rect *rect, const size_t origin[3],
              const size_t region[3], size_t row_pitch, size_t slice_pitch);

/* Bytes from the memory's begin to that place of the region */
size_t rect_offset(const struct rect *rect, size_t x, size_t y, size_t z);

/* Is all of it within @size bytes? */
bool rect_is_within(const struct rect *rect, const size_t region[3],
                    size_t size);

/* May two of the same memory, with the same pitches, have bytes in common? */
bool rect_overlap(const struct rect *one, const struct rect *other,
                  const size_t region[3]);

#endif /* OPENCL_RECT_H */
