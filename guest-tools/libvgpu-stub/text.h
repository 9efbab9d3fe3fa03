/*
 * libvgpu-stub: text of others, which may end in a terminal or in JSON
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_TEXT_H
#define VGPU_STUB_TEXT_H

#include <stddef.h>

/*
 * Copy @length bytes of @text and a NUL to @to, which has @size bytes, 1 or
 * more. What does not fit is cut off before a character, and '?' stands for
 * each control character and each byte that is not of UTF-8.
 */
void text_copy(char *to, size_t size, const void *text, size_t length);

#endif /* VGPU_STUB_TEXT_H */
