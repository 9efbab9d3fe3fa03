/*
 * libvgpu-stub: text of others, which may end in a terminal or in JSON
 *
 * SPDX-License-Identifier: MIT
 */
#include "text.h"

#include <string.h>

static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point <= 0x9f);
}

void text_copy(char *to, size_t size, const void *text, size_t length)
{
    const uint8_t *from = text;
    size_t at = 0;

    while (length > 0) {
        uint32_t point;
        size_t count = text_decode(from, length, &point);
        size_t taken = count && !is_control(point) ? count : 1;

        if (at + taken >= size) {
            break;
        }
        if (count && !is_control(point)) {
            memcpy(to + at, from, count);
        } else {
            to[at] = '?';
        }
        at += taken;
        from += count ? count : 1;
        length -= count ? count : 1;
    }
    to[at] = '\0';
}
