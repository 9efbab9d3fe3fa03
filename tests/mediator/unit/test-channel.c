/*
 * Channels: what goes together, and descriptors
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* MSG_CMSG_CLOEXEC */
#include "protocol/channel.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER sizeof(WireHeader)

typedef struct Fixture {
    Channel *channel;
    int peer;
    unsigned messages;          /* that have come */
    bool closed;
} Fixture;

/* What came with one sendmsg() */
typedef struct Piece {
    uint8_t bytes[4 * CHANNEL_TX_FULL];
    ssize_t size;
    int fd;                     /* or -1 */
} Piece;

static bool take(gpointer opaque, const WireHeader *header G_GNUC_UNUSED,
                 const uint8_t *payload G_GNUC_UNUSED,
                 GError **error G_GNUC_UNUSED)
{
    ((Fixture *)opaque)->messages++;
    return true;
}

static void closed(gpointer opaque, const GError *error G_GNUC_UNUSED)
{
    Fixture *f = opaque;

    f->closed = true;
    g_clear_pointer(&f->channel, channel_free);
}

/* A socket that shows what was sent by one call */
static void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const ChannelHandlers handlers = {
        .message = take, .closed = closed,
    };
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
                               fds), ==, 0);
    *f = (Fixture) { .peer = fds[1] };
    f->channel = channel_new(fds[0], &handlers, f);
}

static void tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_clear_pointer(&f->channel, channel_free);
    close(f->peer);
}

static void settle(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

/* The next piece, if there is one */
static bool receive(Fixture *f, Piece *piece)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { piece->bytes, sizeof(piece->bytes) };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };

    piece->size = recvmsg(f->peer, &message, MSG_CMSG_CLOEXEC);
    piece->fd = -1;
    if (piece->size > 0 && CMSG_FIRSTHDR(&message) != NULL) {
        memcpy(&piece->fd, CMSG_DATA(&control.header), sizeof(int));
    }
    return piece->size > 0;
}

static void expect(Fixture *f, size_t size)
{
    Piece piece;

    g_assert_true(receive(f, &piece));
    g_assert_cmpint(piece.size, ==, size);
    g_assert_cmpint(piece.fd, ==, -1);
}

static void expect_nothing(Fixture *f)
{
    Piece piece;

    g_assert_false(receive(f, &piece));
}

/* The descriptor of a file that holds @text comes, with one message alone. */
static void expect_file(Fixture *f, size_t size, const char *text)
{
    char found[20] = "";
    Piece piece;

    g_assert_true(receive(f, &piece));
    g_assert_cmpint(piece.size, ==, size);
    g_assert_cmpint(piece.fd, >=, 0);
    g_assert_cmpint(pread(piece.fd, found, sizeof(found) - 1, 0), >=, 0);
    g_assert_cmpstr(found, ==, text);
    close(piece.fd);
}

static int new_file(const char *text)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    return fd;
}

static void send_one(Fixture *f, uint32_t length)
{
    static const uint8_t zeros[VGPU_STUB_WIRE_MAX_PAYLOAD];
    const WireHeader header = { .type = 1, .length = length };

    channel_send(f->channel, &header, zeros);
}

static void answer_soon(Fixture *f)
{
    static const WireHeader to = { .sequence = 1 };

    channel_answer_soon(f->channel, &to, VGPU_STUB_MSG_QRESPONSE, 0, NULL, 0);
}

static void send_file(Fixture *f, const char *text)
{
    const WireHeader header = { .type = 1 };

    channel_send_fd(f->channel, &header, NULL, new_file(text));
}

static void test_sent_at_once(Fixture *f, gconstpointer data)
{
    (void)data;
    send_one(f, 0);
    expect(f, HEADER);
    send_one(f, 10);
    expect(f, HEADER + 10);
    expect_nothing(f);
}

static void test_sent_together(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int turn = 1; turn <= 2; turn++) {
        answer_soon(f);
        answer_soon(f);
        /* What is sent after them does not overtake them. */
        send_one(f, 5);
        expect_nothing(f);
        settle();
        expect(f, 3 * HEADER + 5);
        expect_nothing(f);
    }
    send_one(f, 0);
    expect(f, HEADER);
}

static void test_descriptors_go_alone(Fixture *f, gconstpointer data)
{
    (void)data;
    send_file(f, "first");
    expect_file(f, HEADER, "first");
    answer_soon(f);
    send_file(f, "second");
    send_file(f, "third");
    answer_soon(f);
    answer_soon(f);
    settle();
    expect(f, HEADER);
    expect_file(f, HEADER, "second");
    expect_file(f, HEADER, "third");
    expect(f, 2 * HEADER);
    expect_nothing(f);
}

/* The peer takes nothing for a while. */
static void test_descriptors_wait(Fixture *f, gconstpointer data)
{
    Piece piece;

    (void)data;
    /* More than a socket takes, and less than it takes at once */
    for (int i = 0; i < 6; i++) {
        send_one(f, 40000);
    }
    send_file(f, "late");
    answer_soon(f);
    settle();
    while (receive(f, &piece) && piece.fd < 0) {
        settle();
    }
    g_assert_cmpint(piece.fd, >=, 0);
    g_assert_cmpint(piece.size, ==, HEADER);
    close(piece.fd);
    settle();
    expect(f, HEADER);
    expect_nothing(f);
}

/* Those that have not gone are closed with the channel. */
static void test_descriptors_are_closed(Fixture *f, gconstpointer data)
{
    const int fd = new_file("never");

    (void)data;
    answer_soon(f);
    channel_send_fd(f->channel, &(WireHeader) { .type = 1 }, NULL, fd);
    g_assert_cmpint(fcntl(fd, F_GETFD), >=, 0);
    g_clear_pointer(&f->channel, channel_free);
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1);
}

/* Neither does a peer's stay with the mediator. */
static void test_a_peers_descriptor(Fixture *f, gconstpointer data)
{
    uint8_t bytes[HEADER];
    g_autoptr(GByteArray) message = g_byte_array_new();
    const int fd = new_file("not wanted"), next = dup(fd);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET,
                              SCM_RIGHTS } };
    struct iovec part = { bytes, sizeof(bytes) };
    const struct msghdr with = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };

    (void)data;
    close(next);
    wire_append(message, &(WireHeader) { .type = 1 }, NULL);
    memcpy(bytes, message->data, sizeof(bytes));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    g_assert_cmpint(sendmsg(f->peer, &with, 0), ==, sizeof(bytes));
    settle();
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmpint(dup(fd), ==, next);
    close(next);
    close(fd);
}

static void test_the_peer_goes(Fixture *f, gconstpointer data)
{
    (void)data;
    answer_soon(f);
    shutdown(f->peer, SHUT_RDWR);
    settle();
    g_assert_true(f->closed);
}

#define ADD(name, function) \
    g_test_add("/channel/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("sent-at-once", test_sent_at_once);
    ADD("sent-together", test_sent_together);
    ADD("descriptors-go-alone", test_descriptors_go_alone);
    ADD("descriptors-wait", test_descriptors_wait);
    ADD("descriptors-are-closed", test_descriptors_are_closed);
    ADD("a-peers-descriptor", test_a_peers_descriptor);
    ADD("the-peer-goes", test_the_peer_goes);
    return g_test_run();
}
