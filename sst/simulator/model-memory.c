/*
 * Device model "memory": a store of as many bytes as the device's size says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "byte-store.h"
#include "device.h"

static void memory_init(Device *device)
{
    ByteStore *store = device->state;

    store->bytes = g_malloc0(device->size);
    store->size = device->size;
}

static void memory_clear(Device *device)
{
    ByteStore *store = device->state;

    g_free(store->bytes);
}

static bool memory_access(Device *device, Access *access)
{
    if (access->write) {
        byte_store_write(device->state, access->offset, access->size,
                         access->data);
    } else {
        access->data = byte_store_read(device->state, access->offset,
                                       access->size);
    }
    return true;
}

static void memory_receive(Device *device, guint64 message)
{
    byte_store_receive(device->state, message);
}

const Model model_memory = {
    .name = "memory",
    .state_size = sizeof(ByteStore),
    .init = memory_init,
    .clear = memory_clear,
    .access = memory_access,
    .receive = memory_receive,
};
