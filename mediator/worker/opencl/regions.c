/*
 * Ranges and rectangles: whether they are inside of what they are part of
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "regions.h"

bool cl_range_fits(uint64_t offset, uint64_t size, uint64_t whole)
{
    return offset <= whole && size <= whole - offset;
}

/* *@sum += @a * @b, unless that is too much */
static bool add_product(uint64_t *sum, uint64_t a, uint64_t b)
{
    uint64_t product;

    return !__builtin_mul_overflow(a, b, &product) &&
           !__builtin_add_overflow(*sum, product, sum);
}

/* Pitches that are not 0, if these can be the region's */
static bool find_pitches(const uint64_t region[3], uint64_t *row_pitch,
                         uint64_t *slice_pitch)
{
    uint64_t slice = 0;

    if (*row_pitch == 0) {
        *row_pitch = region[0];
    }
    if (*row_pitch < region[0] ||
        !add_product(&slice, region[1], *row_pitch)) {
        return false;
    }
    if (*slice_pitch == 0) {
        *slice_pitch = slice;
    }
    return *slice_pitch >= slice && *slice_pitch % *row_pitch == 0;
}

bool cl_region_make(ClRegion *made, const uint64_t origin[3],
                    const uint64_t region[3], uint64_t row_pitch,
                    uint64_t slice_pitch, uint64_t size)
{
    uint64_t end = 0;

    if (region[0] == 0 || region[1] == 0 || region[2] == 0 ||
        !find_pitches(region, &row_pitch, &slice_pitch)) {
        return false;
    }
    /* One behind the last byte */
    if (!add_product(&end, origin[2], slice_pitch) ||
        !add_product(&end, origin[1], row_pitch) ||
        !add_product(&end, origin[0], 1) ||
        !add_product(&end, region[2] - 1, slice_pitch) ||
        !add_product(&end, region[1] - 1, row_pitch) ||
        !add_product(&end, region[0], 1) || end > size) {
        return false;
    }
    /* All are at most the size, which is that of memory. */
    *made = (ClRegion) {
        .origin = { origin[0], origin[1], origin[2] },
        .region = { region[0], region[1], region[2] },
        .row_pitch = row_pitch,
        .slice_pitch = slice_pitch,
        .bytes = region[0] * region[1] * region[2],
    };
    return true;
}
