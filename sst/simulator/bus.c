/*
 * A bus: the devices behind one socket
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bus.h"

Bus *bus_new(const char *path, WireFormat format, const EventQueue *queue)
{
    Bus *bus = g_new(Bus, 1);

    *bus = (Bus) {
        .path = g_strdup(path),
        .format = format,
        .queue = queue,
        .devices = g_ptr_array_new(),
    };
    return bus;
}

void bus_free(Bus *bus)
{
    g_ptr_array_unref(bus->devices);
    g_free(bus->path);
    g_free(bus);
}

const Device *bus_add(Bus *bus, Device *device)
{
    for (guint i = 0; i < bus->devices->len; i++) {
        const Device *other = g_ptr_array_index(bus->devices, i);

        if (device->base < other->base + other->size &&
            other->base < device->base + device->size) {
            return other;
        }
    }
    g_ptr_array_add(bus->devices, device);
    return NULL;
}

/* The device that @size bytes at @address are part of; NULL for none. */
static Device *bus_find(const Bus *bus, guint64 address, unsigned size)
{
    for (guint i = 0; i < bus->devices->len; i++) {
        Device *device = g_ptr_array_index(bus->devices, i);

        if (address >= device->base &&
            address - device->base <= device->size - size) {
            return device;
        }
    }
    return NULL;
}

Response bus_access(Bus *bus, const Request *request)
{
    Device *device = bus_find(bus, request->address, request->size);
    Access access = {
        .write = request->write,
        .size = request->size,
        .data = request->data,
    };
    bool ok;

    if (device == NULL || (request->address - device->base) % request->size) {
        statistics_count(device == NULL ? &bus->unclaimed
                                        : &device->statistics, &access, false);
        return (Response) { .ok = false };
    }
    access.offset = request->address - device->base;
    ok = device_access(device, &access);
    return (Response) {
        .ok = ok,
        .data = ok && !access.write ? access.data : 0,
        .latency = access.cycles,
    };
}
