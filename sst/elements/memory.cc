/*
 * qemubridge.Memory: bytes that stay as they were written
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include <vector>

#include "../models/byte-store.h"
#include "device.h"

namespace QemuBridge {

class Memory : public Device
{
public:
    SST_ELI_REGISTER_COMPONENT(
        Memory, "qemubridge", "Memory", SST_ELI_ELEMENT_VERSION(1, 0, 0),
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
        store = { bytes.data(), size, 0 };
    }

private:
    std::vector<uint8_t> bytes;
    ByteStore store;

    bool access(const AccessEvent &event, uint64_t &data) override
    {
        if (event.offset > bytes.size() - event.size) {
            return false;
        }
        if (event.write) {
            byte_store_write(&store, event.offset, event.size, event.data);
        } else {
            data = byte_store_read(&store, event.offset, event.size);
        }
        return true;
    }

    void receive(uint64_t value) override
    {
        byte_store_receive(&store, value);
    }
};

} // namespace QemuBridge
