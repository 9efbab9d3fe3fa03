/*
 * What the example devices have in common: they answer accesses after a
 * latency, and may send messages to each other
 *
 * A device of your own derives from this, says what an access does, and is
 * registered as those in echo.cc, compute.cc and memory.cc are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_DEVICE_H
#define SST_ELEMENTS_DEVICE_H

#include <sst/core/component.h>
#include <sst/core/link.h>
#include <sst/core/output.h>

#include "compat.h"
#include "events.h"

/* What each SST_ELI_DOCUMENT_… of a device begins with */
#define QEMU_BINARY_DEVICE_PARAMS \
    { "clock", "of the device, the unit of its latencies", "1GHz" }, \
    { "latency", "cycles of an access, at least 1", "1" }
#define QEMU_BINARY_DEVICE_PORTS \
    { "cpu_port", "to a device port of QEMUBinary", \
      { "QemuBridge::AccessEvent", "QemuBridge::AnswerEvent", \
        "QemuBridge::InterruptEvent" } }, \
    { "in", "messages from another device", { "QemuBridge::MessageEvent" } }, \
    { "out", "messages to another device", { "QemuBridge::MessageEvent" } }

namespace QemuBridge {

class Device : public SST::Component
{
public:
    Device(SST::ComponentId_t id, SST::Params &params);

protected:
    SST::Output out;
    TimeBase clock;

    /* Do what the software asks for, and put what is read, without anything
     * above its size, into @data. Returns false when that is an error. */
    virtual bool access(const AccessEvent &event, uint64_t &data) = 0;

    /* A message that came in; ignored by default. */
    virtual void receive(uint64_t value);

    /* Send a message, if somebody is connected. */
    void send(uint64_t value);

    /* Set the interrupt line. */
    void interrupt(bool level);

    /* A parameter in cycles, at least 1 */
    uint32_t cycles(SST::Params &params, const char *name, uint32_t preset);

private:
    uint32_t latency;
    SST::Link *cpu;
    SST::Link *output;
    bool line = false;

    void on_access(SST::Event *event);
    void on_message(SST::Event *event);
};

} // namespace QemuBridge

#endif /* SST_ELEMENTS_DEVICE_H */
