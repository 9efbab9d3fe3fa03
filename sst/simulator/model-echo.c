/*
 * Device model "echo": what is written to DATA_IN appears in DATA_OUT
 *
 * A message that arrives is echoed too; what was echoed goes out through the
 * links.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "data-unit.h"

static const ModelKey keys[] = {
    DATA_UNIT_KEYS,
    { .name = NULL }
};

static void echo_done(Device *device)
{
    DataUnit *unit = device->state;

    data_unit_finish(unit, unit->operand);
    device_send(device, unit->out);
}

static void echo_written(Device *device, unsigned reg,
                         guint32 value G_GNUC_UNUSED)
{
    if (reg == SST_DEVICE_REG_DATA_IN) {
        data_unit_start(device, echo_done);
    }
}

static bool echo_access(Device *device, Access *access)
{
    return data_unit_access(device, access, echo_written);
}

static void echo_receive(Device *device, guint64 message)
{
    DataUnit *unit = device->state;

    unit->in = message;
    data_unit_start(device, echo_done);
}

const Model model_echo = {
    .name = "echo",
    .state_size = sizeof(DataUnit),
    .keys = keys,
    .access = echo_access,
    .receive = echo_receive,
};
