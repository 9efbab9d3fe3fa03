/*
 * The registers of the example devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "data-unit.h"

#include <string.h>

#define REGISTERS_SIZE (SST_DEVICE_REG_CONTROL + sizeof(guint32))

static guint32 data_unit_read(const DataUnit *unit, unsigned reg)
{
    switch (reg) {
    case SST_DEVICE_REG_DATA_IN:
        return unit->in;
    case SST_DEVICE_REG_DATA_OUT:
        return unit->out;
    case SST_DEVICE_REG_STATUS:
        return unit->status;
    default:
        return 0;
    }
}

static void data_unit_write(Device *device, unsigned reg, guint32 value)
{
    DataUnit *unit = device->state;

    if (reg == SST_DEVICE_REG_DATA_IN) {
        unit->in = value;
    } else if (reg == SST_DEVICE_REG_CONTROL &&
               (value & SST_DEVICE_CONTROL_RESET)) {
        device_cancel(device, &unit->running);
        unit->in = unit->out = unit->status = 0;
    }
}

void data_unit_start(Device *device, DeviceFunc done)
{
    DataUnit *unit = device->state;

    if (unit->running != NULL) {
        unit->status |= SST_DEVICE_STATUS_ERROR;
        return;
    }
    unit->status &= ~SST_DEVICE_STATUS_DATA_READY;
    unit->status |= SST_DEVICE_STATUS_BUSY;
    unit->operand = unit->in;
    unit->running = device_after(device, unit->latency, done);
}

void data_unit_finish(DataUnit *unit, guint32 result)
{
    unit->running = NULL;
    unit->out = result;
    unit->status &= ~SST_DEVICE_STATUS_BUSY;
    unit->status |= SST_DEVICE_STATUS_DATA_READY;
}

bool data_unit_access(Device *device, Access *access, DataUnitFunc written)
{
    guint64 last = access->offset + access->size - 1;
    guint8 bytes[REGISTERS_SIZE];
    guint64 data = GUINT64_TO_LE(access->data);

    if (last >= REGISTERS_SIZE) {
        return false;
    }
    for (unsigned reg = 0; reg < REGISTERS_SIZE; reg += sizeof(guint32)) {
        guint32 value = GUINT32_TO_LE(data_unit_read(device->state, reg));

        memcpy(bytes + reg, &value, sizeof(value));
    }
    if (!access->write) {
        memcpy(&data, bytes + access->offset, access->size);
        access->data = GUINT64_FROM_LE(data);
        return true;
    }
    memcpy(bytes + access->offset, &data, access->size);
    for (unsigned reg = access->offset & ~3; reg <= last; reg += 4) {
        guint32 value;

        memcpy(&value, bytes + reg, sizeof(value));
        data_unit_write(device, reg, GUINT32_FROM_LE(value));
        written(device, reg, GUINT32_FROM_LE(value));
    }
    return true;
}
