/*
 * qemubridge.QEMUBinary: software on a processor that QEMU emulates
 *
 * It starts QEMU with an sst-device for each device port. An access of the
 * software becomes an AccessEvent there; the AnswerEvent lets the software
 * go on. Simulated time passes while a device has an access: then software
 * waits. It passes too while the processor waits for an interrupt. While
 * software runs, SST waits, and its time stands still, however long that takes
 * the host. Accesses happen one after the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_QEMU_BINARY_H
#define SST_ELEMENTS_QEMU_BINARY_H

#include <memory>
#include <string>
#include <vector>

#include <sst/core/component.h>
#include <sst/core/link.h>
#include <sst/core/output.h>

#include "access-socket.h"
#include "access-statistics.h"
#include "compat.h"
#include "events.h"
#include "process.h"

namespace QemuBridge {

class QEMUBinary : public SST::Component
{
public:
    SST_ELI_REGISTER_COMPONENT(
        QEMUBinary, "qemubridge", "QEMUBinary",
        SST_ELI_ELEMENT_VERSION(1, 0, 0),
        "Software on a processor that QEMU emulates",
        COMPONENT_CATEGORY_PROCESSOR)

    SST_ELI_DOCUMENT_PARAMS(
        { "clock", "the unit of latencies", "1GHz" },
        { "verbose", "0: errors, 1: begin and end, 2: every access", "0" },
        { "binary_path", "the ELF file that QEMU runs (required)", "" },
        { "qemu_path", "a qemu-system-riscv32 with sst-device",
          "qemu-system-riscv32" },
        { "socket_path", "a Unix socket; with several devices, '.' and the "
          "number of each is appended", "/tmp/qemu-sst-mmio.sock" },
        { "format", "of the messages: guide or acalsim", "guide" },
        { "device_base", "where the device lies, if there is one",
          "0x10200000" },
        { "silence_limit", "seconds of the host's time in which software may "
          "do nothing but calculate; 0: no limit", "600" },
        { "max_idle", "how long the processor may wait for an interrupt",
          "1s" },
        { "num_devices", "1: on port device_port; more: on ports "
          "device_port_0, …", "1" },
        { "device%(num_devices)d_base", "where this device lies (required "
          "with several)", "" },
        { "device%(num_devices)d_size", "its bytes, whole pages", "4096" },
        { "device%(num_devices)d_interrupt", "its input of the machine's PLIC; "
          "0: none", "0" },
        { "device%(num_devices)d_name", "its name in QEMU and the statistics",
          "device%d" })

    SST_ELI_DOCUMENT_PORTS(
        { "device_port", "to the only device",
          { "QemuBridge::AccessEvent", "QemuBridge::AnswerEvent",
            "QemuBridge::InterruptEvent" } },
        { "device_port_%(num_devices)d", "to one of several",
          { "QemuBridge::AccessEvent", "QemuBridge::AnswerEvent",
            "QemuBridge::InterruptEvent" } })

    SST_ELI_DOCUMENT_STATISTICS(QEMU_BRIDGE_ACCESS_STATISTICS)

    QEMUBinary(SST::ComponentId_t id, SST::Params &params);

    void setup() override;
    void finish() override;

private:
    struct Port {
        std::string name;
        uint64_t base;
        uint64_t size;
        uint32_t interrupt;     /* 0: none */
        SST::Link *link;
        bool idle;              /* as QEMU says at its socket */
        uint64_t ns;            /* how long at most, when it said it */
        std::unique_ptr<AccessSocket> socket;
        std::unique_ptr<AccessStatistics> statistics;
    };

    SST::Output out;
    TimeBase clock;
    std::string binary_path;
    std::string qemu_path;
    std::string format_name;
    uint64_t silence_limit;     /* polls of QEMU; 0: none */
    uint64_t silence = 0;       /* polls without anything */
    TimeBase nanosecond;
    uint64_t max_idle;          /* ns */
    SST::Link *look_link;
    std::vector<Port> ports;
    std::unique_ptr<Process> qemu;

    /* The access that a device has, if one has */
    Port *waiting = nullptr;
    Request request;
    SST::SimTime_t since;       /* cycles */

    /* While the processor waits for an interrupt */
    bool sleeping = false;
    uint64_t sleep_ns;
    uint64_t sleeps = 0;        /* so far */

    void add_port(SST::Params &params, size_t number, size_t count,
                  Format format);
    void place_port(SST::Params &params, const std::string &key, bool only,
                    Port &port);
    std::vector<std::string> command() const;
    void look_again();
    void look(SST::Event *event);
    bool serve();
    void begin(Port &port);
    void from_device(SST::Event *event, size_t number);
    void answer(Port &port, const AnswerEvent &event);
    void interrupt(Port &port, bool level);
    bool all_idle() const;
    void sleep();
    void over_slept(uint64_t sleep);
    void respond(Port &port, const Response &response);
    void wait_for_qemu();
};

} // namespace QemuBridge

#endif /* SST_ELEMENTS_QEMU_BINARY_H */
