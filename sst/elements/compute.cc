/*
 * qemubridge.Compute: CONTROL.START squares DATA_IN
 *
 * DATA_OUT is the low half of the square, all of it is the message.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "data-unit.h"

namespace QemuBridge {

class Compute : public DataUnitDevice
{
public:
    SST_ELI_REGISTER_COMPONENT(
        Compute, "qemubridge", "Compute", SST_ELI_ELEMENT_VERSION(1, 0, 0),
        "CONTROL.START squares DATA_IN", COMPONENT_CATEGORY_UNCATEGORIZED)
    SST_ELI_DOCUMENT_PARAMS(QEMU_BINARY_DATA_UNIT_PARAMS)
    SST_ELI_DOCUMENT_PORTS(QEMU_BINARY_DEVICE_PORTS)

    Compute(SST::ComponentId_t id, SST::Params &params) :
        DataUnitDevice(id, params, data_unit_compute)
    {
    }
};

} // namespace QemuBridge
