/*
 * The example memory: bytes that stay as they were written
 *
 * Messages that arrive are stored one after the other, 8 bytes each, from the
 * beginning, and from there again when the end is reached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_MODELS_BYTE_STORE_H
#define SST_MODELS_BYTE_STORE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ByteStore {
    uint8_t *bytes;             /* the simulator's; zeroes at first */
    uint64_t size;              /* how many, a multiple of 8 */
    uint64_t next;              /* where the next message goes */
} ByteStore;

/* An access of software, of 1, 2, 4 or 8 bytes, within the store. */
uint64_t byte_store_read(const ByteStore *store, uint64_t offset,
                         unsigned size);
void byte_store_write(ByteStore *store, uint64_t offset, unsigned size,
                      uint64_t data);

void byte_store_receive(ByteStore *store, uint64_t message);

#ifdef __cplusplus
}
#endif

#endif /* SST_MODELS_BYTE_STORE_H */
