/*
 * Device models "echo" and "compute": a data unit that works in simulated time
 *
 * What an operation results in goes out through the links as well, and may
 * interrupt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "data-unit.h"

#include "device.h"

typedef struct UnitState {
    guint32 latency;            /* cycles of an operation; the key's */
    DataUnit unit;
    Event *end;                 /* of the operation; NULL when idle */
} UnitState;

static const ModelKey keys[] = {
    { "operation-latency", offsetof(UnitState, latency), 10, 1, 1000000000 },
    { .name = NULL }
};

static void unit_finish(Device *device)
{
    UnitState *state = device->state;

    state->end = NULL;
    device_send(device, data_unit_finish(&state->unit));
    device_interrupt(device, data_unit_interrupts(&state->unit));
}

static void unit_do(Device *device, unsigned todo)
{
    UnitState *state = device->state;

    if (todo & DATA_UNIT_CANCEL) {
        device_cancel(device, &state->end);
    }
    if (todo & DATA_UNIT_BEGIN) {
        state->end = device_after(device, state->latency, unit_finish);
    }
    device_interrupt(device, data_unit_interrupts(&state->unit));
}

static bool unit_access(Device *device, Access *access)
{
    UnitState *state = device->state;

    if (!data_unit_has(access->offset, access->size)) {
        return false;
    }
    if (access->write) {
        unit_do(device, data_unit_write(&state->unit, access->offset,
                                        access->size, access->data));
    } else {
        access->data = data_unit_read(&state->unit, access->offset,
                                      access->size);
    }
    return true;
}

static void unit_receive(Device *device, guint64 message)
{
    UnitState *state = device->state;

    unit_do(device, data_unit_receive(&state->unit, message));
}

static void echo_init(Device *device)
{
    UnitState *state = device->state;

    data_unit_init(&state->unit, &data_unit_echo);
}

static void compute_init(Device *device)
{
    UnitState *state = device->state;

    data_unit_init(&state->unit, &data_unit_compute);
}

const Model model_echo = {
    .name = "echo",
    .state_size = sizeof(UnitState),
    .keys = keys,
    .init = echo_init,
    .access = unit_access,
    .receive = unit_receive,
};

const Model model_compute = {
    .name = "compute",
    .state_size = sizeof(UnitState),
    .keys = keys,
    .init = compute_init,
    .access = unit_access,
    .receive = unit_receive,
};
