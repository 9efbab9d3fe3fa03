/*
 * What is counted of the accesses to a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sst/core/sst_config.h>

#include "access-statistics.h"

namespace QemuBridge {

AccessStatistics::AccessStatistics(
    const std::function<Stat *(const char *)> &find) :
    reads{ find("reads"), find("mmio_reads"), find("bytes_received"),
           find("read_latency") },
    writes{ find("writes"), find("mmio_writes"), find("bytes_sent"),
            find("write_latency") },
    bytes(find("bytes")), errors(find("errors")), latency(find("latency"))
{
}

void AccessStatistics::count(const Request &request, const Response &response)
{
    Direction &direction = request.write ? writes : reads;

    direction.accesses->addData(1);
    direction.mmio_accesses->addData(1);
    direction.bytes->addData(request.size);
    direction.latency->addData(response.latency);
    bytes->addData(request.size);
    latency->addData(response.latency);
    if (!response.ok) {
        errors->addData(1);
    }
}

} // namespace QemuBridge
