/*
 * OpenCL in the guest: rectangles of buffers and of the program's memory
 *
 * SPDX-License-Identifier: MIT
 */
#include "rect.h"

#include <string.h>

bool rect_set(struct rect *rect, const size_t origin[3],
              const size_t region[3], size_t row_pitch, size_t slice_pitch)
{
    size_t least;

    if (!origin || !region || !region[0] || !region[1] || !region[2] ||
        (row_pitch && row_pitch < region[0])) {
        return false;
    }
    memcpy(rect->origin, origin, sizeof(rect->origin));
    rect->row_pitch = row_pitch ? row_pitch : region[0];
    if (__builtin_mul_overflow(rect->row_pitch, region[1], &least) ||
        (slice_pitch && (slice_pitch < least ||
                         slice_pitch % rect->row_pitch))) {
        return false;
    }
    rect->slice_pitch = slice_pitch ? slice_pitch : least;
    return true;
}

size_t rect_offset(const struct rect *rect, size_t x, size_t y, size_t z)
{
    return (rect->origin[2] + z) * rect->slice_pitch +
           (rect->origin[1] + y) * rect->row_pitch + rect->origin[0] + x;
}

bool rect_is_within(const struct rect *rect, const size_t region[3],
                    size_t size)
{
    size_t slices, rows, bytes, end;

    return !__builtin_add_overflow(rect->origin[2], region[2] - 1, &slices) &&
           !__builtin_mul_overflow(slices, rect->slice_pitch, &slices) &&
           !__builtin_add_overflow(rect->origin[1], region[1] - 1, &rows) &&
           !__builtin_mul_overflow(rows, rect->row_pitch, &rows) &&
           !__builtin_add_overflow(rect->origin[0], region[0], &bytes) &&
           !__builtin_add_overflow(slices, rows, &end) &&
           !__builtin_add_overflow(end, bytes, &end) && end <= size;
}

/* Do [a, a + size) and [b, b + size) meet? */
static bool meet(size_t a, size_t b, size_t size)
{
    return a < b + size && b < a + size;
}

/* As in the appendix of OpenCL's specification */
bool rect_overlap(const struct rect *one, const struct rect *other,
                  const size_t region[3])
{
    const size_t slice = (region[1] - 1) * one->row_pitch + region[0];
    const size_t block = (region[2] - 1) * one->slice_pitch + slice;
    const size_t from = rect_offset(one, 0, 0, 0);
    const size_t to = rect_offset(other, 0, 0, 0);
    size_t from_row, to_row;

    if (!meet(from, to, block)) {
        return false;
    }
    from_row = from % one->row_pitch;
    to_row = to % one->row_pitch;
    if ((to_row >= from_row + region[0] &&
         to_row + region[0] <= from_row + one->row_pitch) ||
        (from_row >= to_row + region[0] &&
         from_row + region[0] <= to_row + one->row_pitch)) {
        return false;
    }
    from_row = from % one->slice_pitch;
    to_row = to % one->slice_pitch;
    return !((to_row >= from_row + slice &&
              to_row + slice <= from_row + one->slice_pitch) ||
             (from_row >= to_row + slice &&
              from_row + slice <= to_row + one->slice_pitch));
}
