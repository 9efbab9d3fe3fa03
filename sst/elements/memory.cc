/*
 * qemubinary.Memory: bytes that stay as they were written
 *
 * Messages that arrive are stored one after the other, 8 bytes each, from the
 * beginning, and from there again when the end is reached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include <vector>

#include "device.h"

namespace QemuBinary {

class Memory : public Device
{
public:
    SST_ELI_REGISTER_COMPONENT(
        Memory, "qemubinary", "Memory", SST_ELI_ELEMENT_VERSION(1, 0, 0),
        "Bytes that stay as they were written", COMPONENT_CATEGORY_MEMORY)
    SST_ELI_DOCUMENT_PARAMS(
        QEMU_BINARY_DEVICE_PARAMS,
        { "size", "bytes, a multiple of 8", "4096" })
    SST_ELI_DOCUMENT_PORTS(QEMU_BINARY_DEVICE_PORTS)

    Memory(SST::ComponentId_t id, SST::Params &params) : Device(id, params)
    {
        auto size = params.find<uint32_t>("size", 4096);

        if (size == 0 || size % 8) {
            out.fatal(CALL_INFO, 1, "%s: size is %u, must be a multiple of "
                      "8\n", getName().c_str(), size);
        }
        bytes.resize(size);
    }

private:
    std::vector<uint8_t> bytes;
    uint64_t next = 0;          /* where the next message goes */

    void store(uint64_t offset, uint32_t size, uint64_t value)
    {
        for (uint32_t i = 0; i < size; i++) {
            bytes[offset + i] = value >> 8 * i;
        }
    }

    bool access(const AccessEvent &event, uint64_t &data) override
    {
        if (event.offset > bytes.size() - event.size) {
            return false;
        }
        if (event.write) {
            store(event.offset, event.size, event.data);
            return true;
        }
        for (uint32_t i = 0; i < event.size; i++) {
            data |= static_cast<uint64_t>(bytes[event.offset + i]) << 8 * i;
        }
        return true;
    }

    void receive(uint64_t value) override
    {
        store(next, 8, value);
        next = (next + 8) % bytes.size();
    }
};

} // namespace QemuBinary
