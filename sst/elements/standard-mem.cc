/*
 * qemubridge.StandardMem: hands accesses on to a memory or device that speaks
 * SST's StandardMem, such as those of memHierarchy
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include <memory>
#include <vector>

#include <sst/core/component.h>
#include <sst/core/interfaces/stdMem.h>
#include <sst/core/link.h>
#include <sst/core/output.h>

#include "compat.h"
#include "events.h"

namespace QemuBridge {

using SST::Interfaces::StandardMem;

class StandardMemory : public SST::Component
{
public:
    SST_ELI_REGISTER_COMPONENT(
        StandardMemory, "qemubridge", "StandardMem",
        SST_ELI_ELEMENT_VERSION(1, 0, 0),
        "Hands accesses on to what speaks StandardMem",
        COMPONENT_CATEGORY_UNCATEGORIZED)
    SST_ELI_DOCUMENT_PARAMS(
        { "clock", "of the interface", "1GHz" },
        { "base", "what an offset of 0 is there", "0" })
    SST_ELI_DOCUMENT_PORTS(
        { "cpu_port", "to a device port of QEMUBinary",
          { "QemuBridge::AccessEvent", "QemuBridge::AnswerEvent" } })
    SST_ELI_DOCUMENT_SUBCOMPONENT_SLOTS(
        { "memory", "memHierarchy.standardInterface, for example",
          "SST::Interfaces::StandardMem" })

    StandardMemory(SST::ComponentId_t id, SST::Params &params);

    void init(unsigned phase) override { memory->init(phase); }
    void setup() override { memory->setup(); }
    void complete(unsigned phase) override { memory->complete(phase); }
    void finish() override { memory->finish(); }

private:
    SST::Output out;
    uint64_t base;
    SST::Link *cpu;
    StandardMem *memory;

    void on_access(SST::Event *event);
    void on_response(StandardMem::Request *response);
    void answer(bool ok, uint64_t data);
};

StandardMemory::StandardMemory(SST::ComponentId_t id, SST::Params &params) :
    Component(id), out("@p: ", 0, 0, SST::Output::STDOUT),
    base(params.find<uint64_t>("base", 0))
{
    cpu = configureLink(
        "cpu_port",
        new EventHandler<StandardMemory, &StandardMemory::on_access>(this));
    if (cpu == nullptr) {
        out.fatal(CALL_INFO, 1, "%s: cpu_port is not connected\n",
                  getName().c_str());
    }
    memory = loadUserSubComponent<StandardMem>(
        "memory", SST::ComponentInfo::SHARE_NONE,
        getTimeConverter(params.find<std::string>("clock", "1GHz")),
        memory_handler<&StandardMemory::on_response>(this));
    if (memory == nullptr) {
        out.fatal(CALL_INFO, 1, "%s: the slot memory is empty, must have an "
                  "interface\n", getName().c_str());
    }
}

/* Registers are not to be kept in caches on the way. */
void StandardMemory::on_access(SST::Event *event)
{
    std::unique_ptr<SST::Event> owned(event);
    auto *access = dynamic_cast<AccessEvent *>(event);
    StandardMem::Request *request;

    if (access == nullptr) {
        out.fatal(CALL_INFO, 1, "%s: an event that is no access\n",
                  getName().c_str());
    }
    if (access->offset % access->size != 0) {
        answer(false, 0);
        return;
    }
    if (access->write) {
        std::vector<uint8_t> bytes(access->size);

        for (uint32_t i = 0; i < access->size; i++) {
            bytes[i] = access->data >> 8 * i;
        }
        request = new StandardMem::Write(base + access->offset, access->size,
                                         bytes);
    } else {
        request = new StandardMem::Read(base + access->offset, access->size);
    }
    request->setNoncacheable();
    memory->send(request);
}

void StandardMemory::on_response(StandardMem::Request *response)
{
    std::unique_ptr<StandardMem::Request> owned(response);
    uint64_t data = 0;

    if (auto *read = dynamic_cast<StandardMem::ReadResp *>(response)) {
        for (size_t i = read->data.size(); i > 0; i--) {
            data = data << 8 | read->data[i - 1];
        }
    }
    answer(response->getSuccess(), data);
}

void StandardMemory::answer(bool ok, uint64_t data)
{
    auto *event = new AnswerEvent;

    event->ok = ok;
    event->data = data;
    cpu->send(event);
}

} // namespace QemuBridge
