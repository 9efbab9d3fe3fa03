/*
 * A device with a data unit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "data-unit.h"

#include <memory>

namespace QemuBridge {

DataUnitDevice::DataUnitDevice(SST::ComponentId_t id, SST::Params &params,
                               const DataUnitOperation &operation) :
    Device(id, params),
    operation_latency(cycles(params, "operation_latency", 10)),
    timer(configureSelfLink("operation", clock,
                            new EventHandler<DataUnitDevice,
                                             &DataUnitDevice::finish>(this)))
{
    data_unit_init(&unit, &operation);
}

void DataUnitDevice::act(unsigned todo)
{
    if (todo & DATA_UNIT_CANCEL) {
        cancelled++;
    }
    if (todo & DATA_UNIT_BEGIN) {
        auto *end = new MessageEvent;

        end->value = cancelled;
        timer->send(operation_latency, end);
    }
    interrupt(data_unit_interrupts(&unit));
}

void DataUnitDevice::finish(SST::Event *event)
{
    std::unique_ptr<MessageEvent> end(static_cast<MessageEvent *>(event));

    if (end->value == cancelled) {
        send(data_unit_finish(&unit));
        interrupt(data_unit_interrupts(&unit));
    }
}

void DataUnitDevice::receive(uint64_t value)
{
    act(data_unit_receive(&unit, value));
}

bool DataUnitDevice::access(const AccessEvent &event, uint64_t &data)
{
    if (!data_unit_has(event.offset, event.size)) {
        return false;
    }
    if (event.write) {
        act(data_unit_write(&unit, event.offset, event.size, event.data));
    } else {
        data = data_unit_read(&unit, event.offset, event.size);
    }
    return true;
}

} // namespace QemuBridge
