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
#ifndef SST_ELEMENTS_DATA_UNIT_H
#define SST_ELEMENTS_DATA_UNIT_H

#include "device.h"
#include "sst-mmio-wire.h"

#define QEMU_BINARY_DATA_UNIT_PARAMS \
    QEMU_BINARY_DEVICE_PARAMS, \
    { "operation_latency", "cycles of an operation, at least 1", "10" }

namespace QemuBinary {

class DataUnit : public Device
{
public:
    DataUnit(SST::ComponentId_t id, SST::Params &params);

protected:
    /* A register that software writes has its value now. */
    virtual void written(uint32_t reg, uint32_t value) = 0;

    /* The result of the operation; what is above 32 bits is for messages. */
    virtual uint64_t operate(uint32_t operand) = 0;

    void start();
    bool access(const AccessEvent &event, uint64_t &data) override;

    /* The message becomes DATA_IN, and the operation starts. */
    void receive(uint64_t value) override;

private:
    uint32_t operation_latency;
    SST::Link *timer;
    uint32_t in = 0, started = 0, result = 0, status = 0;
    uint64_t resets = 0;        /* an operation of before one has no end */

    uint32_t get(uint32_t reg) const;
    void set(uint32_t reg, uint32_t value);
    void finish_operation(SST::Event *event);
};

} // namespace QemuBinary

#endif /* SST_ELEMENTS_DATA_UNIT_H */
