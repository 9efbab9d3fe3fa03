/*
 * The example memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "byte-store.h"

uint64_t byte_store_read(const ByteStore *store, uint64_t offset,
                         unsigned size)
{
    uint64_t data = 0;

    for (unsigned i = 0; i < size; i++) {
        data |= (uint64_t)store->bytes[offset + i] << 8 * i;
    }
    return data;
}

void byte_store_write(ByteStore *store, uint64_t offset, unsigned size,
                      uint64_t data)
{
    for (unsigned i = 0; i < size; i++) {
        store->bytes[offset + i] = data >> 8 * i;
    }
}

void byte_store_receive(ByteStore *store, uint64_t message)
{
    byte_store_write(store, store->next, sizeof(message), message);
    store->next = (store->next + sizeof(message)) % store->size;
}
