/*
 * A bus: the devices behind one socket, found by their addresses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_BUS_H
#define SST_SIM_BUS_H

#include "device.h"
#include "protocol.h"

typedef struct Bus {
    char *path;                 /* of the socket */
    WireFormat format;
    const EventQueue *queue;    /* not its own */
    GPtrArray *devices;         /* Device, not its own */
    Statistics unclaimed;       /* accesses that are no device's */
} Bus;

Bus *bus_new(const char *path, WireFormat format, const EventQueue *queue);
void bus_free(Bus *bus);

/* Returns the device that occupies a part of these addresses already, or NULL
 * when @device now is on the bus. */
const Device *bus_add(Bus *bus, Device *device);

/* Let the access happen that QEMU asks for. */
Response bus_access(Bus *bus, const Request *request);

#endif /* SST_SIM_BUS_H */
