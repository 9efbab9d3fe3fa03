/*
 * A simulated device, and what its model may do with it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_DEVICE_H
#define SST_SIM_DEVICE_H

#include "clock-domain.h"
#include "event-queue.h"
#include "model.h"
#include "statistics.h"

/* The line of @device has changed its level. */
typedef void (*DeviceLineFunc)(Device *device, gpointer opaque);

struct Device {
    char *name;
    const Model *model;
    gpointer state;             /* the model's */
    guint64 base;               /* where it lies on the bus */
    guint64 size;               /* bytes, whole pages; base + size does not
                                 * overflow */
    guint32 latency;            /* cycles of an access, at least 1 */
    guint32 interrupt;          /* the number of its line; 0 for none */
    bool level;                 /* of that line */
    const ClockDomain *clock;   /* not its own */
    EventQueue *queue;          /* not its own */
    GPtrArray *links;           /* Link, from here to other devices */
    DeviceLineFunc line_changed;    /* NULL: nobody is told */
    gpointer line_opaque;
    Statistics statistics;
};

/* --- For models --- */

typedef void (*DeviceFunc)(Device *device);

/*
 * Call @func when @cycles of the device's clock, at least 1, have passed. The
 * event is gone when @func is called.
 */
Event *device_after(Device *device, guint32 cycles, DeviceFunc func);

/* Drop *@event, unless it is NULL, and make it NULL. */
void device_cancel(Device *device, Event **event);

/* Send a message through every link from this device. */
void device_send(Device *device, guint64 message);

/* Set the interrupt line to this level, if the device has one. */
void device_interrupt(Device *device, bool level);

/* --- For the rest of the simulator --- */

/* @clock and @queue have to outlive the device; its latency is 1. The state is
 * there but not ready: see device_start(). */
Device *device_new(const char *name, const Model *model, guint64 base,
                   guint64 size, const ClockDomain *clock, EventQueue *queue);
void device_free(Device *device);

/* Let the model begin, once its keys are set. */
void device_start(Device *device);

/* Messages of @from reach @to after @latency ps. */
void device_link(Device *from, Device *to, guint64 latency);

/*
 * Let the access happen, and the time that it takes pass for all devices.
 * @access->data is cut to its size. Returns false when it was an error.
 */
bool device_access(Device *device, Access *access);

#endif /* SST_SIM_DEVICE_H */
