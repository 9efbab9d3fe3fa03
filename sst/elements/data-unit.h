/*
 * A device with a data unit, whose operation takes SST's time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_DATA_UNIT_H
#define SST_ELEMENTS_DATA_UNIT_H

#include "../models/data-unit.h"
#include "device.h"

#define QEMU_BINARY_DATA_UNIT_PARAMS \
    QEMU_BINARY_DEVICE_PARAMS, \
    { "operation_latency", "cycles of an operation, at least 1", "10" }

namespace QemuBridge {

class DataUnitDevice : public Device
{
public:
    DataUnitDevice(SST::ComponentId_t id, SST::Params &params,
                   const DataUnitOperation &operation);

private:
    uint32_t operation_latency;
    SST::Link *timer;
    DataUnit unit;
    uint64_t cancelled = 0;     /* an operation of before one has no end */

    bool access(const AccessEvent &event, uint64_t &data) override;
    void receive(uint64_t value) override;
    void act(unsigned todo);
    void finish(SST::Event *event);
};

} // namespace QemuBridge

#endif /* SST_ELEMENTS_DATA_UNIT_H */
