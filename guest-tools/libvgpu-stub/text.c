/*
 * libvgpu-stub: text of others, which may end in a terminal or in JSON
 *
 * SPDX-License-Identifier: MIT
 */
#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The smallest code point that is encoded in so many bytes */
static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };

static size_t length_by_first(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 :
           first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
}

static bool is_shown(uint32_t point)
{
    return point >= 0x20 && (point < 0x7f || point > 0x9f) &&
           (point < 0xd800 || point > 0xdfff) && point <= 0x10ffff;
}

/*
 * The bytes of the character that begins at @text; 0: there is none that can
 * be shown.
 */
static size_t character(const uint8_t *text, size_t length)
{
    size_t count = length_by_first(text[0]);
    uint32_t point;

    if (count == 0 || count > length) {
        return 0;
    }
    point = count == 1 ? text[0] : text[0] & (0x7f >> count);
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3f);
    }
    return is_shown(point) && point >= smallest[count] ? count : 0;
}

void text_copy(char *to, size_t size, const void *text, size_t length)
{
    const uint8_t *from = text;
    size_t at = 0;

    while (length > 0) {
        size_t count = character(from, length);
        size_t taken = count ? count : 1;

        if (at + taken >= size) {
            break;
        }
        if (count) {
            memcpy(to + at, from, count);
        } else {
            to[at] = '?';
        }
        at += taken;
        from += taken;
        length -= taken;
    }
    to[at] = '\0';
}
