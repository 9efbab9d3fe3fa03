/*
 * The socket through which one sst-device of QEMU sends its accesses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "access-socket.h"

#include <cerrno>
#include <cstring>
#include <endian.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace QemuBridge {

static std::runtime_error failure(const std::string &path)
{
    return std::runtime_error(path + ": " + std::strerror(errno));
}

AccessSocket::AccessSocket(const std::string &path, Format wire_format) :
    socket_path(path), format(wire_format)
{
    listen();
}

void AccessSocket::listen()
{
    sockaddr_un address = {};

    address.sun_family = AF_UNIX;
    if (socket_path.empty() || socket_path.size() >= sizeof(address.sun_path)) {
        throw std::runtime_error("'" + socket_path + "': a socket's path has "
                                 "1 to " +
                                 std::to_string(sizeof(address.sun_path) - 1) +
                                 " bytes");
    }
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size());
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) {
        throw failure(socket_path);
    }
    /* Of a simulation that was killed; what is no socket stays. */
    struct stat there;
    if (lstat(socket_path.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) {
        unlink(socket_path.c_str());
    }
    if (bind(listener, reinterpret_cast<sockaddr *>(&address),
             sizeof(address)) < 0 ||
        chmod(socket_path.c_str(), 0600) < 0 || ::listen(listener, 1) < 0) {
        auto error = failure(socket_path);

        close(listener);
        listener = -1;
        throw error;
    }
}

void AccessSocket::stop_listening()
{
    if (listener >= 0) {
        close(listener);
        unlink(socket_path.c_str());
    }
    listener = -1;
}

AccessSocket::~AccessSocket()
{
    stop_listening();
    if (connection >= 0) {
        close(connection);
    }
}

void AccessSocket::connect()
{
    connection = accept4(listener, nullptr, nullptr,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection >= 0) {
        interrupts = 0;
        stop_listening();
        if (line) {
            send_interrupt(line_address, line);
        }
    }
}

void AccessSocket::disconnect()
{
    close(connection);
    connection = -1;
    filled = 0;
    unsent.clear();
    listen();
}

size_t AccessSocket::request_size() const
{
    return format == Format::guide ? sizeof(sst_mmio_guide_request)
                                   : sizeof(sst_mmio_acalsim_request);
}

std::optional<Request> decode(Format format, const uint8_t *bytes)
{
    uint32_t type, size;
    Request request;

    if (format == Format::guide) {
        sst_mmio_guide_request raw;

        std::memcpy(&raw, bytes, sizeof(raw));
        if (le32toh(raw.magic) != SST_MMIO_REQUEST_MAGIC) {
            return std::nullopt;
        }
        type = le32toh(raw.type);
        size = le32toh(raw.size);
        request.address = le64toh(raw.address);
        request.data = le64toh(raw.data);
        if (type == SST_MMIO_IDLE && size == 0) {
            request.idle = true;
            request.ns = request.address;
            request.interrupts = request.data;
            return request;
        }
    } else {
        sst_mmio_acalsim_request raw;

        std::memcpy(&raw, bytes, sizeof(raw));
        if (raw.reserved != 0) {
            return std::nullopt;
        }
        type = raw.type;
        size = raw.size;
        request.address = le64toh(raw.address);
        request.data = le64toh(raw.data);
    }
    if ((type != SST_MMIO_READ && type != SST_MMIO_WRITE) ||
        (size != 1 && size != 2 && size != 4 && size != 8)) {
        return std::nullopt;
    }
    request.write = type == SST_MMIO_WRITE;
    request.size = size;
    return request;
}

std::optional<Request> AccessSocket::receive()
{
    if (connection < 0) {
        connect();
    }
    flush();
    if (connection < 0) {
        return std::nullopt;
    }

    ssize_t got = recv(connection, buffer.data() + filled,
                       request_size() - filled, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return std::nullopt;
    }
    if (got <= 0) {
        disconnect();
        return std::nullopt;
    }
    filled += got;
    if (filled < request_size()) {
        return std::nullopt;
    }
    filled = 0;

    auto request = decode(format, buffer.data());
    if (!request) {
        disconnect();
    }
    return request;
}

void AccessSocket::send(const Response &response)
{
    const sst_mmio_guide_response guide = {
        htole32(SST_MMIO_RESPONSE_MAGIC),
        htole32(response.ok ? SST_MMIO_STATUS_OK : SST_MMIO_STATUS_ERROR),
        htole64(response.data),
        htole32(response.latency),
    };
    const sst_mmio_acalsim_response acalsim = {
        static_cast<uint8_t>(response.ok ? SST_MMIO_SUCCESS : 0),
        {},
        htole64(response.data),
    };

    if (format == Format::guide) {
        send_bytes(&guide, sizeof(guide));
    } else {
        send_bytes(&acalsim, sizeof(acalsim));
    }
}

void AccessSocket::send_interrupt(uint64_t address, bool level)
{
    const sst_mmio_guide_interrupt message = {
        htole32(SST_MMIO_INTERRUPT_MAGIC), htole32(level), htole64(address), 0,
    };

    line_address = address;
    line = level;
    interrupts++;
    send_bytes(&message, sizeof(message));
}

/* A device may interrupt more often than QEMU reads: the rest waits. */
void AccessSocket::send_bytes(const void *bytes, size_t size)
{
    if (connection >= 0) {
        unsent.append(static_cast<const char *>(bytes), size);
        flush();
    }
}

void AccessSocket::flush()
{
    ssize_t sent;

    if (connection < 0 || unsent.empty()) {
        return;
    }
    sent = ::send(connection, unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
        unsent.erase(0, sent);
    } else if (errno != EAGAIN && errno != EINTR) {
        disconnect();
    }
}

} // namespace QemuBridge
