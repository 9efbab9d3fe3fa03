/*
 * The registers of the example devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "data-unit.h"

#include "sst-mmio-wire.h"

#define REGISTER_SIZE 4
#define REGISTERS_SIZE (SST_DEVICE_REG_CONTROL + REGISTER_SIZE)

static bool echo_begins(unsigned reg, uint32_t value)
{
    (void)value;
    return reg == SST_DEVICE_REG_DATA_IN;
}

static uint64_t echo_result(uint32_t operand)
{
    return operand;
}

const DataUnitOperation data_unit_echo = { echo_begins, echo_result };

static bool compute_begins(unsigned reg, uint32_t value)
{
    return reg == SST_DEVICE_REG_CONTROL && (value & SST_DEVICE_CONTROL_START);
}

static uint64_t compute_result(uint32_t operand)
{
    return (uint64_t)operand * operand;
}

const DataUnitOperation data_unit_compute = { compute_begins, compute_result };

void data_unit_init(DataUnit *unit, const DataUnitOperation *operation)
{
    *unit = (DataUnit) { .operation = operation };
}

bool data_unit_has(uint64_t offset, unsigned size)
{
    return offset < REGISTERS_SIZE && size <= REGISTERS_SIZE - offset;
}

static uint32_t get(const DataUnit *unit, unsigned reg)
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

static unsigned begin(DataUnit *unit)
{
    if (unit->status & SST_DEVICE_STATUS_BUSY) {
        unit->status |= SST_DEVICE_STATUS_ERROR;
        return 0;
    }
    unit->status &= ~SST_DEVICE_STATUS_DATA_READY;
    unit->status |= SST_DEVICE_STATUS_BUSY;
    unit->operand = unit->in;
    return DATA_UNIT_BEGIN;
}

static unsigned set(DataUnit *unit, unsigned reg, uint32_t value)
{
    unsigned todo = 0;

    if (reg == SST_DEVICE_REG_DATA_IN) {
        unit->in = value;
    } else if (reg == SST_DEVICE_REG_CONTROL) {
        if (value & SST_DEVICE_CONTROL_RESET) {
            data_unit_init(unit, unit->operation);
            todo = DATA_UNIT_CANCEL;
        }
        unit->interrupt = value & SST_DEVICE_CONTROL_INTERRUPT;
    }
    if (unit->operation->begins(reg, value)) {
        todo |= begin(unit);
    }
    return todo;
}

uint64_t data_unit_read(const DataUnit *unit, uint64_t offset, unsigned size)
{
    const unsigned reg = offset & ~(uint64_t)(REGISTER_SIZE - 1);

    if (size > REGISTER_SIZE) {
        return get(unit, reg) |
               (uint64_t)get(unit, reg + REGISTER_SIZE) << 32;
    }
    return get(unit, reg) >> 8 * (offset - reg);
}

unsigned data_unit_write(DataUnit *unit, uint64_t offset, unsigned size,
                         uint64_t data)
{
    const unsigned reg = offset & ~(uint64_t)(REGISTER_SIZE - 1);
    const unsigned shift = 8 * (offset - reg);
    uint32_t mask;

    if (size > REGISTER_SIZE) {
        return set(unit, reg, data) |
               set(unit, reg + REGISTER_SIZE, data >> 32);
    }
    mask = (uint32_t)(UINT64_MAX >> (64 - 8 * size)) << shift;
    return set(unit, reg, (get(unit, reg) & ~mask) |
                          ((uint32_t)data << shift & mask));
}

unsigned data_unit_receive(DataUnit *unit, uint64_t message)
{
    unit->in = message;
    return begin(unit);
}

bool data_unit_interrupts(const DataUnit *unit)
{
    return unit->interrupt && (unit->status & SST_DEVICE_STATUS_DATA_READY);
}

uint64_t data_unit_finish(DataUnit *unit)
{
    const uint64_t result = unit->operation->result(unit->operand);

    unit->out = result;
    unit->status &= ~SST_DEVICE_STATUS_BUSY;
    unit->status |= SST_DEVICE_STATUS_DATA_READY;
    return result;
}
