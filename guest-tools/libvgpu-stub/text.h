/*
 * libvgpu-stub: text of others, which may end in a terminal or in JSON
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_TEXT_H
#define VGPU_STUB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The character of UTF-8 that begins at @text, of which there are @length
 * bytes, 1 or more. Returns how many it has, 0 where there is none.
 */
static inline size_t text_decode(const void *text, size_t length,
                                 uint32_t *point)
{
    /* The smallest code point that is encoded in so many bytes */
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const uint8_t *bytes = text, first = bytes[0];
    size_t count = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 :
                   first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;

    if (count == 0 || count > length) {
        return 0;
    }
    *point = count == 1 ? first : first & (0x7f >> count);
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        *point = *point << 6 | (bytes[i] & 0x3f);
    }
    return *point >= smallest[count] && *point <= 0x10ffff &&
           (*point < 0xd800 || *point > 0xdfff) ? count : 0;
}

/*
 * Copy @length bytes of @text and a NUL to @to, which has @size bytes, 1 or
 * more. What does not fit is cut off before a character, and '?' stands for
 * each control character and each byte that is not of UTF-8.
 */
void text_copy(char *to, size_t size, const void *text, size_t length);

#endif /* VGPU_STUB_TEXT_H */
