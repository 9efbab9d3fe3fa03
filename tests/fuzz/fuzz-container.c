/*
 * Any bytes as a program's binary, as a guest's program may give them to
 * OpenCL's driver in its guest
 *
 * The first byte of the input says whether the others are all of it, or get a
 * header that makes them whole. What is read has to come back when it is
 * written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "container.h"

struct header {
    char magic[8];
    uint32_t format;
    uint32_t reserved;
    uint64_t size;
    uint64_t checksum;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Written and read again, it is the same; frees it. */
static void check(struct recipe *recipe)
{
    struct recipe *again = NULL;
    size_t size, size_again;
    uint8_t *written = container_write(recipe, "device", "driver", &size);
    uint8_t *written_again;

    if (container_read(written, size, &again) != CL_SUCCESS) {
        abort();
    }
    written_again = container_write(again, "device", "driver", &size_again);
    if (size != size_again || memcmp(written, written_again, size) != 0) {
        abort();
    }
    recipe_unuse(recipe);
    recipe_unuse(again);
    free(written);
    free(written_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct header header = { "vgpuclpr", 1, 0, 0, 0 };
    struct recipe *recipe;
    uint8_t *whole;
    cl_int status;

    if (size == 0) {
        return 0;
    }
    header.size = size - 1;
    header.checksum = checksum(bytes + 1, size - 1);
    whole = malloc(sizeof(header) + size - 1);
    memcpy(whole, &header, sizeof(header));
    memcpy(whole + sizeof(header), bytes + 1, size - 1);
    status = bytes[0] & 1
             ? container_read(bytes + 1, size - 1, &recipe)
             : container_read(whole, sizeof(header) + size - 1, &recipe);
    if (status == CL_SUCCESS) {
        check(recipe);
    } else if (status != CL_INVALID_BINARY || recipe) {
        abort();
    }
    free(whole);
    return 0;
}
