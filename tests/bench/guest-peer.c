/*
 * guest-peer DEVICE PORT
 *
 * The same bare echo for a vgpu-stub device and a virtio-serial port, at the
 * sockets that their QEMU listens at: a request's payload comes back as its
 * response, and what the port's guest sends comes back as it is. A request of
 * the opcode 0x1000 has to wait: for as many milliseconds as its first param
 * says. DEVICE may be "-": there is none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vgpu-stub-wire.h"

#define DELAYED 0x1000

struct message {
    struct vgpu_stub_wire_header header;
    uint32_t payload[VGPU_STUB_BUF_SIZE / 4];
};

/* QEMU begins to listen when its guest is made; who has started this ends it. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        usleep(20000);
    }
    return fd;
}

static void send_all(int fd, const void *bytes, size_t size)
{
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) {
        err(EXIT_FAILURE, "send");
    }
}

/* All of @size bytes, which are on their way; ends with its peer. */
static void receive_all(int fd, void *bytes, size_t size)
{
    if (recv(fd, bytes, size, MSG_WAITALL) != (ssize_t)size) {
        exit(EXIT_SUCCESS);
    }
}

static void welcome(int fd)
{
    struct {
        struct vgpu_stub_wire_header header;
        struct vgpu_stub_wire_welcome welcome;
    } message = {
        .header = {
            .magic = VGPU_STUB_WIRE_MAGIC,
            .version = VGPU_STUB_WIRE_VERSION,
            .type = VGPU_STUB_MSG_WELCOME,
            .length = sizeof(message.welcome),
        },
        .welcome = {
            .accepted_version = VGPU_STUB_PROTOCOL_VERSION,
            .max_payload = VGPU_STUB_WIRE_MAX_PAYLOAD,
        },
    };

    send_all(fd, &message, sizeof(message));
}

static void serve_device(int fd)
{
    struct message message;
    ssize_t received = recv(fd, &message, sizeof(message), 0);
    size_t size;

    if (received < (ssize_t)sizeof(message.header)) {
        exit(EXIT_SUCCESS);
    }
    size = sizeof(message.header) + message.header.length;
    if (size > sizeof(message)) {
        errx(EXIT_FAILURE, "a message of %u bytes", message.header.length);
    }
    if ((size_t)received < size) {
        receive_all(fd, (char *)&message + received, size - received);
    }
    if (message.header.type == VGPU_STUB_MSG_HELLO) {
        welcome(fd);
    } else if (message.header.type == VGPU_STUB_MSG_REQUEST) {
        if (message.payload[1] == DELAYED) {
            usleep(message.payload[8] * 1000);
        }
        message.header.type = VGPU_STUB_MSG_RESPONSE;
        send_all(fd, &message, size);
    }
}

static void serve_port(int fd)
{
    char bytes[4096];
    ssize_t received = recv(fd, bytes, sizeof(bytes), 0);

    if (received <= 0) {
        exit(EXIT_SUCCESS);
    }
    send_all(fd, bytes, received);
}

int main(int argc, char **argv)
{
    struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };

    if (argc != 3) {
        errx(EXIT_FAILURE, "usage: guest-peer DEVICE PORT");
    }
    fds[0].fd = strcmp(argv[1], "-") == 0 ? -1 : connect_to(argv[1]);
    fds[1].fd = connect_to(argv[2]);
    for (;;) {
        poll(fds, 2, -1);
        if (fds[0].revents) {
            serve_device(fds[0].fd);
        }
        if (fds[1].revents) {
            serve_port(fds[1].fd);
        }
    }
}
