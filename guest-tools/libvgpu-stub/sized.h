/*
 * libvgpu-stub: structures that may grow
 *
 * Their first member is struct_size, what they are for the program that was
 * compiled with some version of the header. What that version did not have is
 * not touched; what this one does not have is set to 0.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_SIZED_H
#define VGPU_STUB_SIZED_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* More than any version has: a program has not set struct_size */
#define SIZED_MAX 4096

/* The size of a structure whose last member is @member */
#define SIZED_UP_TO(type, member) \
    (offsetof(type, member) + sizeof(((type *)NULL)->member))

static inline int sized_give(void *to, const void *from, size_t size,
                             size_t least)
{
    const size_t first = sizeof(size_t);
    size_t wanted, common;

    memcpy(&wanted, to, first);
    if (wanted < least || wanted > SIZED_MAX) {
        return -EINVAL;
    }
    common = wanted < size ? wanted : size;
    memcpy((char *)to + first, (const char *)from + first, common - first);
    memset((char *)to + common, 0, wanted - common);
    return 0;
}

static inline int sized_take(void *to, const void *from, size_t size,
                             size_t least)
{
    size_t given;

    memcpy(&given, from, sizeof(given));
    if (given < least || given > SIZED_MAX) {
        return -EINVAL;
    }
    for (size_t i = size; i < given; i++) {
        if (((const char *)from)[i]) {
            return -EINVAL;
        }
    }
    memset(to, 0, size);
    memcpy(to, from, given < size ? given : size);
    return 0;
}

/*
 * Give the program the structure @from in what it has as @to. @last is the
 * last member that the first version had. Returns 0, or -EINVAL: @to has no
 * struct_size, or one that no version had.
 */
#define SIZED_GIVE(to, from, last) \
    sized_give(to, &(from), sizeof(from), SIZED_UP_TO(__typeof__(from), last))

/*
 * Take the structure @from of the program to @to. Also -EINVAL: it has
 * something that this version does not know.
 */
#define SIZED_TAKE(to, from, last) \
    sized_take(&(to), from, sizeof(to), SIZED_UP_TO(__typeof__(to), last))

#endif /* VGPU_STUB_SIZED_H */
