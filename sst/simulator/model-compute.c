/*
 * Device model "compute": CONTROL.START squares DATA_IN
 *
 * DATA_OUT is the low half of the square; all 64 bits of it go out through the
 * links. A message that arrives is squared too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "data-unit.h"

static const ModelKey keys[] = {
    DATA_UNIT_KEYS,
    { .name = NULL }
};

static void compute_done(Device *device)
{
    DataUnit *unit = device->state;
    guint64 square = (guint64)unit->operand * unit->operand;

    data_unit_finish(unit, square);
    device_send(device, square);
}

static void compute_written(Device *device, unsigned reg, guint32 value)
{
    if (reg == SST_DEVICE_REG_CONTROL && (value & SST_DEVICE_CONTROL_START)) {
        data_unit_start(device, compute_done);
    }
}

static bool compute_access(Device *device, Access *access)
{
    return data_unit_access(device, access, compute_written);
}

static void compute_receive(Device *device, guint64 message)
{
    DataUnit *unit = device->state;

    unit->in = message;
    data_unit_start(device, compute_done);
}

const Model model_compute = {
    .name = "compute",
    .state_size = sizeof(DataUnit),
    .keys = keys,
    .access = compute_access,
    .receive = compute_receive,
};
