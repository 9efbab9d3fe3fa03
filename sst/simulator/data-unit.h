/*
 * The registers of the example devices: DATA_IN goes in, an operation takes
 * its time, DATA_OUT comes out
 *
 * STATUS says BUSY while the operation runs and DATA_READY when its result is
 * there. A new one that is started too early is not done and sets ERROR.
 * CONTROL.RESET clears all of this.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_DATA_UNIT_H
#define SST_SIM_DATA_UNIT_H

#include "device.h"
#include "sst-mmio-wire.h"

/* It is the first thing in a model's state, so that keys can be shared. */
typedef struct DataUnit {
    guint32 latency;            /* cycles of an operation: DATA_UNIT_KEYS */
    guint32 in;
    guint32 operand;            /* of the operation: DATA_IN when it began */
    guint32 out;
    guint32 status;
    Event *running;             /* its end; NULL when idle */
} DataUnit;

#define DATA_UNIT_KEYS \
    { "operation-latency", offsetof(DataUnit, latency), 10, 1, 1000000000 }

/* Begin an operation; @done is called when it is over. */
void data_unit_start(Device *device, DeviceFunc done);

/* The operation is over: this is its result. */
void data_unit_finish(DataUnit *unit, guint32 result);

/* What a model does about a register that was written */
typedef void (*DataUnitFunc)(Device *device, unsigned reg, guint32 value);

/*
 * An access to the registers. Those that software may write, and that this
 * file has dealt with already, are given to @written afterwards. Wider than a
 * register: one after the other; narrower: the other bytes stay as they are.
 */
bool data_unit_access(Device *device, Access *access, DataUnitFunc written);

#endif /* SST_SIM_DATA_UNIT_H */
