/*
 * Device model "memory": bytes that stay as they were written
 *
 * Messages that arrive are stored one after the other, 8 bytes each, from the
 * beginning, and from there again when the end is reached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "device.h"

typedef struct Memory {
    guint8 *bytes;              /* as many as the device's size says */
    guint64 next;               /* where the next message goes */
} Memory;

static void memory_init(Device *device)
{
    Memory *memory = device->state;

    memory->bytes = g_malloc0(device->size);
}

static void memory_clear(Device *device)
{
    Memory *memory = device->state;

    g_free(memory->bytes);
}

static bool memory_access(Device *device, Access *access)
{
    Memory *memory = device->state;
    guint64 data = GUINT64_TO_LE(access->data);

    if (access->write) {
        memcpy(memory->bytes + access->offset, &data, access->size);
    } else {
        memcpy(&data, memory->bytes + access->offset, access->size);
        access->data = GUINT64_FROM_LE(data);
    }
    return true;
}

static void memory_receive(Device *device, guint64 message)
{
    Memory *memory = device->state;
    guint64 data = GUINT64_TO_LE(message);

    if (memory->next > device->size - sizeof(data)) {
        memory->next = 0;
    }
    memcpy(memory->bytes + memory->next, &data, sizeof(data));
    memory->next += sizeof(data);
}

const Model model_memory = {
    .name = "memory",
    .state_size = sizeof(Memory),
    .init = memory_init,
    .clear = memory_clear,
    .access = memory_access,
    .receive = memory_receive,
};
