/*
 * qemubridge.QEMUBinary: software on a processor that QEMU emulates
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "qemu-binary.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <poll.h>
#include <stdexcept>

namespace QemuBridge {

static constexpr uint32_t max_devices = 256;
static constexpr uint64_t page = 4096;
/* SST sees signals only when QEMUBinary lets it go on. */
static constexpr int poll_ms = 100;
static constexpr int polls_per_second = 1000 / poll_ms;
/* How long an access may take, as long as QEMU allows: a simulation takes its
 * time, and when SST is gone QEMU is too. */
static constexpr uint32_t timeout_ms = 3600000;

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

/* max_idle in ns: SST's time, in ps, has to have room for it. */
static uint64_t find_max_idle(SST::Output &out, SST::Params &params)
{
    auto text = params.find<std::string>("max_idle", "1s");
    SST::UnitAlgebra time(text);
    double ns = 0;

    /* UnitAlgebra does not divide negative numbers well. */
    if (time.hasUnits("s") &&
        text.find('-') > text.find_first_of("0123456789")) {
        ns = (time / SST::UnitAlgebra("1ns")).getDoubleValue();
    }
    if (!(ns >= 1 && ns <= 1e16)) {
        out.fatal(CALL_INFO, 1, "max_idle is '%s', must be a time from 1ns to "
                  "10000000s\n", text.c_str());
    }
    return std::llround(ns);
}

/* silence_limit in polls of QEMU */
static uint64_t find_silence_limit(SST::Output &out, SST::Params &params)
{
    auto seconds = params.find<double>("silence_limit", 600);

    if (!(seconds >= 0 && seconds <= UINT32_MAX)) {
        out.fatal(CALL_INFO, 1, "silence_limit is %g, must be from 0 to %"
                  PRIu32 " seconds\n", seconds, UINT32_MAX);
    }
    return std::ceil(seconds * polls_per_second);
}

QEMUBinary::QEMUBinary(SST::ComponentId_t id, SST::Params &params) :
    Component(id),
    out("QEMUBinary[@p:@l]: ", params.find<uint32_t>("verbose", 0), 0,
        SST::Output::STDOUT),
    clock(time_base(getTimeConverter(params.find<std::string>("clock",
                                                              "1GHz")))),
    binary_path(params.find<std::string>("binary_path")),
    qemu_path(params.find<std::string>("qemu_path", "qemu-system-riscv32")),
    format_name(params.find<std::string>("format", "guide")),
    silence_limit(find_silence_limit(out, params)),
    nanosecond(time_base(getTimeConverter("1ns"))),
    max_idle(find_max_idle(out, params))
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
    look_link = configureSelfLink(
        "look", clock, new EventHandler<QEMUBinary, &QEMUBinary::look>(this));
    for (size_t number = 0; number < count; number++) {
        add_port(params, number, count, format);
    }
    registerAsPrimaryComponent();
    primaryComponentDoNotEndSim();
}

/* Where the device of a port lies: what its keys say. */
void QEMUBinary::place_port(SST::Params &params, const std::string &key,
                            bool only, Port &port)
{
    std::string base_key = only && !params.contains(key + "_base")
                         ? "device_base" : key + "_base";

    if (!only && !params.contains(base_key)) {
        out.fatal(CALL_INFO, 1, "%s is not given, must be the device's "
                  "address\n", base_key.c_str());
    }
    port.base = params.find<uint64_t>(base_key, SST_DEVICE_BASE);
    port.size = params.find<uint64_t>(key + "_size", SST_DEVICE_SIZE);
    port.interrupt = params.find<uint32_t>(key + "_interrupt", 0);
    if (port.size == 0 || port.size % page || port.base % page ||
        port.size - 1 > UINT64_MAX - port.base) {
        out.fatal(CALL_INFO, 1, "%s is 0x%" PRIx64 " and %s_size %" PRIu64
                  ", must be multiples of %" PRIu64 " within the address "
                  "space\n", base_key.c_str(), port.base, key.c_str(),
                  port.size, page);
    }
}

void QEMUBinary::add_port(SST::Params &params, size_t number, size_t count,
                          Format format)
{
    bool only = count == 1;
    std::string suffix = only ? "" : "_" + std::to_string(number);
    std::string key = "device" + std::to_string(number);
    std::string path = params.find<std::string>("socket_path",
                                                "/tmp/qemu-sst-mmio.sock");
    Port port = {};

    port.name = params.find<std::string>(key + "_name", key);
    place_port(params, key, only, port);
    port.link = configureLink(
        "device_port" + suffix,
        new EventHandler<QEMUBinary, &QEMUBinary::from_device, size_t>(
            this, number));
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
    port.statistics = std::make_unique<AccessStatistics>(
        [this, &port](const char *name) {
            return registerStatistic<uint64_t>(name, port.name);
        });
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

std::vector<std::string> QEMUBinary::command() const
{
    std::vector<std::string> command = {
        qemu_path, "-M", "virt", "-bios", "none", "-display", "none",
        "-monitor", "none", "-serial", "stdio", "-kernel", binary_path,
    };

    for (const auto &port : ports) {
        command.insert(command.end(), {
            "-device", "sst-device,id=" + escape_commas(port.name) +
                       ",socket=" + escape_commas(port.socket->path()) +
                       ",base=" + std::to_string(port.base) +
                       ",size=" + std::to_string(port.size) +
                       ",format=" + format_name +
                       ",interrupt=" + std::to_string(port.interrupt) +
                       ",report-idle=" + (format_name == "guide" ? "on"
                                                                 : "off") +
                       ",timeout-ms=" + std::to_string(timeout_ms),
        });
    }
    return command;
}

void QEMUBinary::setup()
{
    try {
        qemu = std::make_unique<Process>(command());
    } catch (const std::runtime_error &error) {
        out.fatal(CALL_INFO, 1, "qemu_path: %s\n", error.what());
    }
    out.verbose(CALL_INFO, 1, 0, "%s runs %s\n", qemu_path.c_str(),
                binary_path.c_str());
    look_again();
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

void QEMUBinary::look_again()
{
    look_link->send(0, nullptr);
}

/* Software runs, and is waited for. No time passes until it does something. */
void QEMUBinary::look(SST::Event *event)
{
    std::unique_ptr<SST::Event> owned(event);
    bool over = qemu->ended().has_value();

    if (auto *end = dynamic_cast<MessageEvent *>(event)) {
        over_slept(end->value);
        return;
    }
    if (serve()) {
        silence = 0;
        return;
    }
    if (over) {
        out.verbose(CALL_INFO, 1, 0, "QEMU has ended\n");
        primaryComponentOKToEndSim();
    } else if (all_idle()) {
        sleep();
    } else {
        wait_for_qemu();
        look_again();
    }
}

/* Take all that QEMU has said, until an access. */
bool QEMUBinary::serve()
{
    bool heard;

    do {
        heard = false;
        for (auto &port : ports) {
            auto next = port.socket->receive();

            if (next && next->idle) {
                port.idle = port.socket->seen_interrupts(*next);
                port.ns = next->ns;
                heard = true;
            } else if (next) {
                port.idle = false;
                request = *next;
                begin(port);
                return true;
            }
        }
    } while (heard);
    return false;
}

bool QEMUBinary::all_idle() const
{
    return std::all_of(ports.begin(), ports.end(),
                       [](const Port &port) { return port.idle; });
}

/* Let time pass until an interrupt comes, or a timer of QEMU's own. */
void QEMUBinary::sleep()
{
    auto *end = new MessageEvent;

    sleeping = true;
    sleep_ns = max_idle;
    for (const auto &port : ports) {
        sleep_ns = std::min(sleep_ns, port.ns);
    }
    end->value = ++sleeps;
    look_link->send(sleep_ns, nanosecond, end);
}

/* The time is over of a sleep that may have ended before. */
void QEMUBinary::over_slept(uint64_t sleep)
{
    if (!sleeping || sleep != sleeps) {
        return;
    }
    if (sleep_ns == max_idle) {
        out.fatal(CALL_INFO, 1, "the processor has waited for an interrupt "
                  "for max_idle, %" PRIu64 " ns\n", max_idle);
    }
    sleeping = false;
    for (auto &port : ports) {
        port.idle = false;
    }
    look_again();
}

/* Let the device have the access. */
void QEMUBinary::begin(Port &port)
{
    uint64_t offset = request.address - port.base;

    out.verbose(CALL_INFO, 2, 0, "%s: %s of %" PRIu32 " bytes at 0x%" PRIx64
                "\n", port.name.c_str(), request.write ? "write" : "read",
                request.size, request.address);
    if (request.address < port.base || offset > port.size - request.size) {
        respond(port, { false, 0, 0 });
        return;
    }
    auto *event = new AccessEvent;
    event->write = request.write;
    event->size = request.size;
    event->offset = offset;
    event->data = request.data;
    waiting = &port;
    since = getCurrentSimTime(clock);
    port.link->send(event);
}

void QEMUBinary::from_device(SST::Event *event, size_t number)
{
    std::unique_ptr<SST::Event> owned(event);
    Port &port = ports[number];

    if (auto *line = dynamic_cast<InterruptEvent *>(event)) {
        interrupt(port, line->level);
        return;
    }
    auto *reply = dynamic_cast<AnswerEvent *>(event);
    if (reply == nullptr || waiting != &port) {
        out.fatal(CALL_INFO, 1, "%s: an event that is no answer\n",
                  port.name.c_str());
    }
    answer(port, *reply);
}

void QEMUBinary::answer(Port &port, const AnswerEvent &event)
{
    SST::SimTime_t cycles = getCurrentSimTime(clock) - since;

    waiting = nullptr;
    respond(port, { event.ok, event.data,
                    static_cast<uint32_t>(std::min<SST::SimTime_t>(
                        cycles, UINT32_MAX)) });
}

void QEMUBinary::interrupt(Port &port, bool level)
{
    if (port.interrupt == 0) {
        return;
    }
    port.socket->send_interrupt(port.base, level);
    port.idle = false;
    if (sleeping) {
        sleeping = false;
        look_again();
    }
}

void QEMUBinary::respond(Port &port, const Response &response)
{
    port.statistics->count(request, response);
    port.socket->send(response);
    look_again();
}

/* Until QEMU says something, or a signal or the time for a poll comes. */
void QEMUBinary::wait_for_qemu()
{
    std::vector<pollfd> fds;

    for (const auto &port : ports) {
        fds.push_back({ port.socket->fd(), port.socket->events(), 0 });
    }
    if (poll(fds.data(), fds.size(), poll_ms) == 0 &&
        ++silence == silence_limit) {
        out.fatal(CALL_INFO, 1, "no access in %g s, which is "
                  "silence_limit\n", double(silence_limit) / polls_per_second);
    }
}

} // namespace QemuBridge
