/*
 * What the example devices have in common
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "device.h"

#include <memory>

namespace QemuBridge {

Device::Device(SST::ComponentId_t id, SST::Params &params) :
    Component(id), out("@p: ", 0, 0, SST::Output::STDOUT),
    clock(time_base(getTimeConverter(params.find<std::string>("clock",
                                                              "1GHz")))),
    latency(cycles(params, "latency", 1))
{
    cpu = configureLink("cpu_port",
                        new EventHandler<Device, &Device::on_access>(this));
    configureLink("in", new EventHandler<Device, &Device::on_message>(this));
    output = configureLink("out");
    if (cpu == nullptr) {
        out.fatal(CALL_INFO, 1, "%s: cpu_port is not connected\n",
                  getName().c_str());
    }
}

uint32_t Device::cycles(SST::Params &params, const char *name,
                        uint32_t preset)
{
    auto number = params.find<uint32_t>(name, preset);

    if (number == 0) {
        out.fatal(CALL_INFO, 1, "%s: %s is 0, must be 1 or more cycles\n",
                  getName().c_str(), name);
    }
    return number;
}

void Device::on_access(SST::Event *event)
{
    std::unique_ptr<SST::Event> owned(event);
    auto *request = dynamic_cast<AccessEvent *>(event);
    auto *reply = new AnswerEvent;

    if (request == nullptr) {
        out.fatal(CALL_INFO, 1, "%s: an event that is no access\n",
                  getName().c_str());
    }
    reply->ok = request->offset % request->size == 0 &&
                access(*request, reply->data);
    cpu->send(latency, clock, reply);
}

void Device::on_message(SST::Event *event)
{
    std::unique_ptr<SST::Event> owned(event);

    if (auto *message = dynamic_cast<MessageEvent *>(event)) {
        receive(message->value);
    }
}

void Device::receive(uint64_t)
{
}

void Device::send(uint64_t value)
{
    if (output != nullptr) {
        auto *message = new MessageEvent;

        message->value = value;
        output->send(message);
    }
}

void Device::interrupt(bool level)
{
    if (level != line) {
        auto *event = new InterruptEvent;

        event->level = line = level;
        cpu->send(event);
    }
}

} // namespace QemuBridge
