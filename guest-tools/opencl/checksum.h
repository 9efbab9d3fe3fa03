/*
 * OpenCL in the guest: a number for bytes
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OPENCL_CHECKSUM_H
#define OPENCL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, of 64 bits: tells what differs by mistake, not on purpose. */
static inline uint64_t checksum(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t sum = 0xcbf29ce484222325;

    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ at[i]) * 0x100000001b3;
    }
    return sum;
}

#endif /* OPENCL_CHECKSUM_H */
