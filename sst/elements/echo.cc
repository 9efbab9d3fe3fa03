/*
 * qemubinary.Echo: what is written to DATA_IN appears in DATA_OUT
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "data-unit.h"

namespace QemuBinary {

class Echo : public DataUnit
{
public:
    SST_ELI_REGISTER_COMPONENT(
        Echo, "qemubinary", "Echo", SST_ELI_ELEMENT_VERSION(1, 0, 0),
        "What is written to DATA_IN appears in DATA_OUT",
        COMPONENT_CATEGORY_UNCATEGORIZED)
    SST_ELI_DOCUMENT_PARAMS(QEMU_BINARY_DATA_UNIT_PARAMS)
    SST_ELI_DOCUMENT_PORTS(QEMU_BINARY_DEVICE_PORTS)

    using DataUnit::DataUnit;

private:
    void written(uint32_t reg, uint32_t) override
    {
        if (reg == SST_DEVICE_REG_DATA_IN) {
            start();
        }
    }

    uint64_t operate(uint32_t operand) override
    {
        return operand;
    }
};

} // namespace QemuBinary
