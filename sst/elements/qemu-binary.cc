/*
 * qemubinary.QEMUBinary: software on a processor that QEMU emulates
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "qemu-binary.h"

#include <algorithm>
#include <cinttypes>
#include <poll.h>
#include <stdexcept>

#include "events.h"

namespace QemuBinary {

static constexpr uint32_t max_devices = 256;
static constexpr uint64_t page = 4096;
static constexpr int idle_ms = 1;

static Format find_format(SST::Output &out, const std::string &name)
{
    if (name == "guide") {
        return Format::guide;
    }
    if (name != "acalsim") {
        out.fatal(CALL_INFO, 1, "format is '%s', must be guide or acalsim\n",
                  name.c_str());
    }
    return Format::acalsim;
}

QEMUBinary::QEMUBinary(SST::ComponentId_t id, SST::Params &params) :
    Component(id),
    out("QEMUBinary[@p:@l]: ", params.find<uint32_t>("verbose", 0), 0,
        SST::Output::STDOUT),
    binary_path(params.find<std::string>("binary_path")),
    qemu_path(params.find<std::string>("qemu_path", "qemu-system-riscv32")),
    format_name(params.find<std::string>("format", "guide"))
{
    auto count = params.find<uint32_t>("num_devices", 1);
    Format format = find_format(out, format_name);

    if (binary_path.empty()) {
        out.fatal(CALL_INFO, 1, "binary_path is not given, must be an ELF "
                  "file\n");
    }
    if (count < 1 || count > max_devices) {
        out.fatal(CALL_INFO, 1, "num_devices is %" PRIu32 ", must be from 1 "
                  "to %" PRIu32 "\n", count, max_devices);
    }
    clock = registerClock(params.find<std::string>("clock", "1GHz"),
                          new SST::Clock::Handler<QEMUBinary,
                                                  &QEMUBinary::tick>(this));
    for (size_t number = 0; number < count; number++) {
        add_port(params, number, count, format);
    }
    registerAsPrimaryComponent();
    primaryComponentDoNotEndSim();
}

void QEMUBinary::add_port(SST::Params &params, size_t number, size_t count,
                          Format format)
{
    bool only = count == 1;
    std::string suffix = only ? "" : "_" + std::to_string(number);
    std::string key = "device" + std::to_string(number);
    std::string base_key = only && !params.contains(key + "_base")
                         ? "device_base" : key + "_base";
    std::string path = params.find<std::string>("socket_path",
                                                "/tmp/qemu-sst-mmio.sock");
    Port port = {};

    if (!only && !params.contains(base_key)) {
        out.fatal(CALL_INFO, 1, "%s is not given, must be the device's "
                  "address\n", base_key.c_str());
    }
    port.name = params.find<std::string>(key + "_name", key);
    port.base = params.find<uint64_t>(base_key, SST_DEVICE_BASE);
    port.size = params.find<uint64_t>(key + "_size", SST_DEVICE_SIZE);
    if (port.size == 0 || port.size % page || port.base % page ||
        port.size - 1 > UINT64_MAX - port.base) {
        out.fatal(CALL_INFO, 1, "%s is 0x%" PRIx64 " and %s_size %" PRIu64
                  ", must be multiples of %" PRIu64 " within the address "
                  "space\n", base_key.c_str(), port.base, key.c_str(),
                  port.size, page);
    }
    port.link = configureLink(
        "device_port" + suffix,
        new SST::Event::Handler<QEMUBinary, &QEMUBinary::answer,
                                size_t>(this, number));
    if (port.link == nullptr) {
        out.fatal(CALL_INFO, 1, "port device_port%s is not connected\n",
                  suffix.c_str());
    }
    try {
        port.socket = std::make_unique<AccessSocket>(
            only ? path : path + "." + std::to_string(number), format);
    } catch (const std::runtime_error &error) {
        out.fatal(CALL_INFO, 1, "socket_path: %s\n", error.what());
    }
    port.reads = registerStatistic<uint64_t>("reads", port.name);
    port.writes = registerStatistic<uint64_t>("writes", port.name);
    port.bytes = registerStatistic<uint64_t>("bytes", port.name);
    port.errors = registerStatistic<uint64_t>("errors", port.name);
    port.latency = registerStatistic<uint64_t>("latency", port.name);
    ports.push_back(std::move(port));
}

/* In an option of QEMU's, a comma in a value is written twice. */
static std::string escape_commas(const std::string &value)
{
    std::string escaped;

    for (char c : value) {
        escaped += c == ',' ? ",," : std::string(1, c);
    }
    return escaped;
}

void QEMUBinary::setup()
{
    std::vector<std::string> command = {
        qemu_path, "-M", "virt", "-bios", "none", "-display", "none",
        "-monitor", "none", "-serial", "stdio", "-kernel", binary_path,
    };

    for (const auto &port : ports) {
        std::string name = escape_commas(port.name);

        command.insert(command.end(), {
            "-chardev", "socket,id=sst-" + name + ",reconnect=1,path=" +
                        escape_commas(port.socket->path()),
            "-device", "sst-device,id=" + name + ",chardev=sst-" + name +
                       ",base=" + std::to_string(port.base) +
                       ",size=" + std::to_string(port.size) +
                       ",format=" + format_name,
        });
    }
    try {
        qemu = std::make_unique<Process>(command);
    } catch (const std::runtime_error &error) {
        out.fatal(CALL_INFO, 1, "qemu_path: %s\n", error.what());
    }
    out.verbose(CALL_INFO, 1, 0, "%s runs %s\n", qemu_path.c_str(),
                binary_path.c_str());
}

/* SST ends well even if QEMU did not: the exit status has to tell. */
void QEMUBinary::finish()
{
    int status = qemu->ended().value_or(0);

    ports.clear();              /* the sockets: fatal() destroys nothing */
    if (status != 0) {
        out.fatal(CALL_INFO, 1, "QEMU ended with status %d\n", status);
    }
}

bool QEMUBinary::tick(SST::Cycle_t)
{
    bool busy = false;

    for (size_t number = 0; number < ports.size(); number++) {
        busy |= serve(number);
    }
    if (!busy) {
        if (qemu->ended()) {
            out.verbose(CALL_INFO, 1, 0, "QEMU has ended\n");
            primaryComponentOKToEndSim();
            return true;
        }
        idle();
    }
    return false;
}

/* Pass on the next access of a device; false when there is nothing to do. */
bool QEMUBinary::serve(size_t number)
{
    Port &port = ports[number];

    if (port.waiting) {
        return true;
    }
    auto request = port.socket->receive();
    if (!request) {
        return false;
    }
    (request->write ? port.writes : port.reads)->addData(1);
    port.bytes->addData(request->size);
    out.verbose(CALL_INFO, 2, 0, "%s: %s of %" PRIu32 " bytes at 0x%" PRIx64
                "\n", port.name.c_str(), request->write ? "write" : "read",
                request->size, request->address);

    uint64_t offset = request->address - port.base;
    if (request->address < port.base || offset > port.size - request->size) {
        respond(port, { false, 0, 0 });
        return true;
    }
    auto *event = new AccessEvent;
    event->write = request->write;
    event->size = request->size;
    event->offset = offset;
    event->data = request->data;
    port.waiting = true;
    port.since = getCurrentSimTime(clock);
    port.link->send(event);
    return true;
}

void QEMUBinary::answer(SST::Event *event, size_t number)
{
    std::unique_ptr<SST::Event> owned(event);
    auto *from_device = dynamic_cast<AnswerEvent *>(event);
    Port &port = ports[number];

    if (from_device == nullptr || !port.waiting) {
        out.fatal(CALL_INFO, 1, "%s: an event that is no answer\n",
                  port.name.c_str());
    }
    SST::SimTime_t cycles = getCurrentSimTime(clock) - port.since;
    port.waiting = false;
    respond(port, { from_device->ok, from_device->data,
                    static_cast<uint32_t>(std::min<SST::SimTime_t>(
                        cycles, UINT32_MAX)) });
}

void QEMUBinary::respond(Port &port, const Response &response)
{
    if (!response.ok) {
        port.errors->addData(1);
    }
    port.latency->addData(response.latency);
    port.socket->send(response);
}

/* Nothing is simulated until QEMU says something, or ends. */
void QEMUBinary::idle()
{
    std::vector<pollfd> fds;

    for (const auto &port : ports) {
        fds.push_back({ port.socket->fd(), POLLIN, 0 });
    }
    poll(fds.data(), fds.size(), idle_ms);
}

} // namespace QemuBinary
