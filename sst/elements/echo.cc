/*
 * qemubridge.Echo: what is written to DATA_IN appears in DATA_OUT
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "data-unit.h"

namespace QemuBridge {

class Echo : public DataUnitDevice
{
public:
    SST_ELI_REGISTER_COMPONENT(
        Echo, "qemubridge", "Echo", SST_ELI_ELEMENT_VERSION(1, 0, 0),
        "What is written to DATA_IN appears in DATA_OUT",
        COMPONENT_CATEGORY_UNCATEGORIZED)
    SST_ELI_DOCUMENT_PARAMS(QEMU_BINARY_DATA_UNIT_PARAMS)
    SST_ELI_DOCUMENT_PORTS(QEMU_BINARY_DEVICE_PORTS)

    Echo(SST::ComponentId_t id, SST::Params &params) :
        DataUnitDevice(id, params, data_unit_echo)
    {
    }
};

} // namespace QemuBridge
