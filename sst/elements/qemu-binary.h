/*
 * qemubinary.QEMUBinary: software on a processor that QEMU emulates
 *
 * It starts QEMU with an sst-device for each device port. An access of the
 * software becomes an AccessEvent there; the AnswerEvent lets the software
 * go on. While it waits for neither, simulated time stands still, but for
 * a cycle of its clock every millisecond.
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
#include "process.h"

namespace QemuBinary {

class QEMUBinary : public SST::Component
{
public:
    SST_ELI_REGISTER_COMPONENT(
        QEMUBinary, "qemubinary", "QEMUBinary",
        SST_ELI_ELEMENT_VERSION(1, 0, 0),
        "Software on a processor that QEMU emulates",
        COMPONENT_CATEGORY_PROCESSOR)

    SST_ELI_DOCUMENT_PARAMS(
        { "clock", "how often QEMU is asked, and the unit of latencies",
          "1GHz" },
        { "verbose", "0: errors, 1: begin and end, 2: every access", "0" },
        { "binary_path", "the ELF file that QEMU runs (required)", "" },
        { "qemu_path", "a qemu-system-riscv32 with sst-device",
          "qemu-system-riscv32" },
        { "socket_path", "a Unix socket; with several devices, '.' and the "
          "number of each is appended", "/tmp/qemu-sst-mmio.sock" },
        { "format", "of the messages: guide or acalsim", "guide" },
        { "device_base", "where the device lies, if there is one",
          "0x10200000" },
        { "num_devices", "1: on port device_port; more: on ports "
          "device_port_0, …", "1" },
        { "device%(num_devices)d_base", "where this device lies (required "
          "with several)", "" },
        { "device%(num_devices)d_size", "its bytes, whole pages", "4096" },
        { "device%(num_devices)d_name", "its name in QEMU and the statistics",
          "device%d" })

    SST_ELI_DOCUMENT_PORTS(
        { "device_port", "to the only device",
          { "QemuBinary::AccessEvent", "QemuBinary::AnswerEvent" } },
        { "device_port_%(num_devices)d", "to one of several",
          { "QemuBinary::AccessEvent", "QemuBinary::AnswerEvent" } })

    SST_ELI_DOCUMENT_STATISTICS(
        { "reads", "reads by software, per device", "accesses", 1 },
        { "writes", "writes by software, per device", "accesses", 1 },
        { "bytes", "bytes of both, per device", "bytes", 1 },
        { "errors", "accesses that the device refused", "accesses", 1 },
        { "latency", "how long accesses took", "cycles", 1 })

    QEMUBinary(SST::ComponentId_t id, SST::Params &params);

    void setup() override;
    void finish() override;

private:
    template <typename T> using Stat = SST::Statistics::Statistic<T>;

    struct Port {
        std::string name;
        uint64_t base;
        uint64_t size;
        SST::Link *link;
        std::unique_ptr<AccessSocket> socket;
        bool waiting;           /* for the device's answer */
        SST::SimTime_t since;   /* cycles */
        Stat<uint64_t> *reads, *writes, *bytes, *errors, *latency;
    };

    SST::Output out;
    SST::TimeConverter clock;
    std::string binary_path;
    std::string qemu_path;
    std::string format_name;
    std::vector<Port> ports;
    std::unique_ptr<Process> qemu;

    void add_port(SST::Params &params, size_t number, size_t count,
                  Format format);
    bool tick(SST::Cycle_t cycle);
    bool serve(size_t number);
    void answer(SST::Event *event, size_t number);
    void respond(Port &port, const Response &response);
    void idle();
};

} // namespace QemuBinary

#endif /* SST_ELEMENTS_QEMU_BINARY_H */
