/*
 * What is counted of the accesses to a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_ACCESS_STATISTICS_H
#define SST_ELEMENTS_ACCESS_STATISTICS_H

#include <functional>

#include <sst/core/component.h>

#include "access-socket.h"

/* Also those that were refused; each device has a sub-identifier, its name. */
#define QEMU_BRIDGE_ACCESS_STATISTICS \
    { "reads", "reads by software", "accesses", 1 }, \
    { "writes", "writes by software", "accesses", 1 }, \
    { "bytes", "bytes of both", "bytes", 1 }, \
    { "errors", "accesses that the device refused", "accesses", 1 }, \
    { "latency", "how long accesses took", "cycles", 1 }, \
    { "mmio_reads", "the same as reads", "accesses", 1 }, \
    { "mmio_writes", "the same as writes", "accesses", 1 }, \
    { "bytes_sent", "bytes that software wrote", "bytes", 1 }, \
    { "bytes_received", "bytes that software read", "bytes", 1 }, \
    { "read_latency", "how long reads took", "cycles", 1 }, \
    { "write_latency", "how long writes took", "cycles", 1 }

namespace QemuBridge {

class AccessStatistics
{
public:
    using Stat = SST::Statistics::Statistic<uint64_t>;

    /* @find registers a statistic of the component. */
    explicit AccessStatistics(const std::function<Stat *(const char *)> &find);

    void count(const Request &request, const Response &response);

private:
    /* Of accesses in one direction: each under two names */
    struct Direction {
        Stat *accesses, *mmio_accesses, *bytes, *latency;
    };

    Direction reads, writes;
    Stat *bytes, *errors, *latency;
};

} // namespace QemuBridge

#endif /* SST_ELEMENTS_ACCESS_STATISTICS_H */
