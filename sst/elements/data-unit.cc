/*
 * The registers of the example devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "data-unit.h"

#include <memory>

namespace QemuBinary {

static constexpr uint32_t registers_size = SST_DEVICE_REG_CONTROL + 4;

DataUnit::DataUnit(SST::ComponentId_t id, SST::Params &params) :
    Device(id, params),
    operation_latency(cycles(params, "operation_latency", 10)),
    timer(configureSelfLink("operation", clock, new SST::Event::Handler<
                                DataUnit, &DataUnit::finish_operation>(this)))
{
}

uint32_t DataUnit::get(uint32_t reg) const
{
    switch (reg) {
    case SST_DEVICE_REG_DATA_IN:
        return in;
    case SST_DEVICE_REG_DATA_OUT:
        return result;
    case SST_DEVICE_REG_STATUS:
        return status;
    default:
        return 0;
    }
}

void DataUnit::set(uint32_t reg, uint32_t value)
{
    if (reg == SST_DEVICE_REG_DATA_IN) {
        in = value;
    } else if (reg == SST_DEVICE_REG_CONTROL &&
               (value & SST_DEVICE_CONTROL_RESET)) {
        resets++;
        in = result = status = 0;
    }
    written(reg, value);
}

void DataUnit::start()
{
    if (status & SST_DEVICE_STATUS_BUSY) {
        status |= SST_DEVICE_STATUS_ERROR;
        return;
    }
    started = in;
    status &= ~SST_DEVICE_STATUS_DATA_READY;
    status |= SST_DEVICE_STATUS_BUSY;

    auto *end = new MessageEvent;
    end->value = resets;
    timer->send(operation_latency, end);
}

void DataUnit::finish_operation(SST::Event *event)
{
    std::unique_ptr<MessageEvent> end(static_cast<MessageEvent *>(event));

    if (end->value == resets) {
        uint64_t value = operate(started);

        result = value;
        status &= ~SST_DEVICE_STATUS_BUSY;
        status |= SST_DEVICE_STATUS_DATA_READY;
        send(value);
    }
}

void DataUnit::receive(uint64_t value)
{
    in = value;
    start();
}

/* Wider than a register: one after the other; narrower: the other bytes of the
 * register stay as they are. */
bool DataUnit::access(const AccessEvent &event, uint64_t &data)
{
    uint64_t end = event.offset + event.size;

    if (end > registers_size) {
        return false;
    }
    for (uint32_t reg = event.offset & ~3u; reg < end; reg += 4) {
        uint32_t value = get(reg);

        for (uint32_t byte = 0; byte < 4; byte++) {
            uint64_t at = reg + byte - event.offset;

            if (reg + byte < event.offset || reg + byte >= end) {
                continue;
            }
            if (event.write) {
                value &= ~(0xFFu << 8 * byte);
                value |= (event.data >> 8 * at & 0xFF) << 8 * byte;
            } else {
                data |= static_cast<uint64_t>(value >> 8 * byte & 0xFF)
                        << 8 * at;
            }
        }
        if (event.write) {
            set(reg, value);
        }
    }
    return true;
}

} // namespace QemuBinary
