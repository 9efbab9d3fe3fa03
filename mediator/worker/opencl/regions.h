/*
 * Ranges and rectangles: whether they are inside of what they are part of
 *
 * Pure functions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_REGIONS_H
#define WORKER_OPENCL_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As drivers take it: bytes, rows and slices */
typedef struct ClRegion {
    size_t origin[3];
    size_t region[3];
    size_t row_pitch;           /* bytes; never 0 */
    size_t slice_pitch;
    uint64_t bytes;             /* of the region alone */
} ClRegion;

/* Are @size bytes from @offset on inside of @whole? */
bool cl_range_fits(uint64_t offset, uint64_t size, uint64_t whole);

/*
 * Make the @region at @origin of a buffer of @size bytes; pitches are as
 * OpenCL has them: 0 for what the region makes necessary. False when there is no
 * such, or it is not inside.
 */
bool cl_region_make(ClRegion *made, const uint64_t origin[3],
                    const uint64_t region[3], uint64_t row_pitch,
                    uint64_t slice_pitch, uint64_t size);

#endif /* WORKER_OPENCL_REGIONS_H */
