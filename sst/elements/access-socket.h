/*
 * The socket through which one sst-device of QEMU sends its accesses
 *
 * It listens until somebody connects, and again when that connection is lost:
 * the socket's file is there only meanwhile, so that a simulation that is
 * killed leaves none behind. Nothing here waits. Errors of the system are
 * thrown as std::runtime_error; a peer that breaks the protocol only loses its
 * connection.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_ACCESS_SOCKET_H
#define SST_ELEMENTS_ACCESS_SOCKET_H

#include <array>
#include <cstdint>
#include <optional>
#include <poll.h>
#include <string>

#include "sst-mmio-wire.h"

namespace QemuBridge {

enum class Format { guide, acalsim };

/* An access, or that all processors wait for an interrupt */
struct Request {
    bool idle = false;

    /* An access */
    bool write;
    uint32_t size;              /* 1, 2, 4 or 8 */
    uint64_t address;
    uint64_t data;

    /* Idle: for how long at most, or SST_MMIO_IDLE_NEVER for no limit */
    uint64_t ns;
    uint64_t interrupts;        /* messages that QEMU has had */
};

struct Response {
    bool ok;
    uint64_t data;
    uint32_t latency;           /* cycles; only format guide has it */
};

class AccessSocket
{
public:
    AccessSocket(const std::string &path, Format format);
    ~AccessSocket();
    AccessSocket(const AccessSocket &) = delete;
    AccessSocket &operator=(const AccessSocket &) = delete;

    /* The next request, if a whole one is there */
    std::optional<Request> receive();

    /* Answer the last access. */
    void send(const Response &response);

    /* Say which level the line has of the only device, at @address; only in
     * format guide. A QEMU that connects later is told too. */
    void send_interrupt(uint64_t address, bool level);

    /* Whether QEMU had all of them when it said what @idle is */
    bool seen_interrupts(const Request &idle) const
    {
        return idle.interrupts == interrupts;
    }

    /* What poll() is to wait for before receive() */
    int fd() const { return connection >= 0 ? connection : listener; }
    short events() const { return unsent.empty() ? POLLIN : POLLIN | POLLOUT; }

    const std::string &path() const { return socket_path; }

private:
    std::string socket_path;
    Format format;
    int listener = -1;
    int connection = -1;
    std::array<uint8_t, sizeof(sst_mmio_guide_request)> buffer;
    size_t filled = 0;
    std::string unsent;         /* goes on with the next call */
    uint64_t interrupts = 0;    /* messages on this connection */
    uint64_t line_address = 0;
    bool line = false;

    void send_bytes(const void *bytes, size_t size);
    void flush();
    size_t request_size() const;
    void listen();
    void stop_listening();
    void connect();
    void disconnect();
};

/* What the bytes of a request say; none if they are no request */
std::optional<Request> decode(Format format, const uint8_t *bytes);

} // namespace QemuBridge

#endif /* SST_ELEMENTS_ACCESS_SOCKET_H */
