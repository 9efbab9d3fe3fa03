/*
 * The socket through which one sst-device of QEMU sends its accesses
 *
 * It listens; one connection at a time is served. Nothing here waits. Errors
 * of the system are thrown as std::runtime_error; a peer that breaks the
 * protocol only loses its connection.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_ACCESS_SOCKET_H
#define SST_ELEMENTS_ACCESS_SOCKET_H

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "sst-mmio-wire.h"

namespace QemuBinary {

enum class Format { guide, acalsim };

struct Request {
    bool write;
    uint32_t size;              /* 1, 2, 4 or 8 */
    uint64_t address;
    uint64_t data;
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

    /* Answer the last request. */
    void send(const Response &response);

    /* What poll() is to wait for before receive() */
    int fd() const { return connection >= 0 ? connection : listener; }

    const std::string &path() const { return socket_path; }

private:
    std::string socket_path;
    Format format;
    int listener = -1;
    int connection = -1;
    std::array<uint8_t, sizeof(sst_mmio_guide_request)> buffer;
    size_t filled = 0;

    size_t request_size() const;
    void disconnect();
};

/* What the bytes of a request say; none if they are no request */
std::optional<Request> decode(Format format, const uint8_t *bytes);

} // namespace QemuBinary

#endif /* SST_ELEMENTS_ACCESS_SOCKET_H */
