/*
 * Carriers: an arena's bytes through a stream in pieces, one that is cut off, and
 * lengths that cannot be
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "protocol/carrier.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL 1u
#define LARGE 2u
#define BULK VGPU_STUB_ARENA_LARGE_BULK
#define PLACE SMALL             /* a large one */
#define REQUEST_SIZE 5000u

typedef struct End {
    Channel *channel;           /* NULL: closed */
    Carrier *carrier;
    Arena *arena;
    int stream;                 /* the other end of its socket */
    GArray *messages;           /* numbers of those that were no DATA */
    char *why;                  /* it was closed */
} End;

typedef struct Fixture {
    End from, to;
} Fixture;

static bool take(gpointer opaque, const WireHeader *header,
                 const uint8_t *payload, GError **error)
{
    End *end = opaque;

    if (header->type == WORKER_MSG_DATA) {
        return carrier_take(end->carrier, header, payload, error);
    }
    g_array_append_val(end->messages, header->request_id);
    return true;
}

static void closed(gpointer opaque, const GError *error)
{
    End *end = opaque;

    end->why = g_strdup(error->message);
    carrier_free(end->carrier);
    g_clear_pointer(&end->channel, channel_free);
}

static void drained(gpointer opaque)
{
    carrier_go_on(((End *)opaque)->carrier);
}

static void end_set_up(End *end)
{
    static const ChannelHandlers handlers = {
        .message = take, .closed = closed, .drained = drained,
    };
    g_autoptr(GError) error = NULL;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                    ==, 0);
    *end = (End) { .stream = fds[1] };
    end->messages = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    end->arena = arena_new(SMALL, LARGE, &error);
    g_assert_no_error(error);
    end->channel = channel_new(fds[0], &handlers, end);
    end->carrier = carrier_new(end->channel, end->arena);
}

static void end_tear_down(End *end)
{
    if (end->channel != NULL) {
        carrier_free(end->carrier);
        channel_free(end->channel);
    }
    close(end->stream);
    arena_unref(end->arena);
    g_array_unref(end->messages);
    g_free(end->why);
}

static void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    end_set_up(&f->from);
    end_set_up(&f->to);
}

static void tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    end_tear_down(&f->from);
    end_tear_down(&f->to);
}

static void settle(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

/* Pass up to @size bytes on, at once; returns how many there were. */
static size_t pass(Fixture *f, size_t size)
{
    g_autofree uint8_t *bytes = g_malloc(size);
    ssize_t got, sent;

    settle();
    got = recv(f->from.stream, bytes, size, 0);
    if (got <= 0) {
        g_assert_cmpint(errno, ==, EAGAIN);
        return 0;
    }
    for (ssize_t done = 0; done < got; done += sent) {
        sent = send(f->to.stream, bytes + done, got - done, MSG_NOSIGNAL);
        if (sent < 0) {
            g_assert_cmpint(errno, ==, EAGAIN);
            sent = 0;
        }
        settle();
    }
    return got;
}

static void pass_all(Fixture *f, size_t size)
{
    while (pass(f, size) > 0) {
    }
}

/* The @length bytes of @place in both arenas are different; returns those. */
static const uint8_t *fill(const Fixture *f, uint32_t place, uint32_t length)
{
    uint8_t *bulk = arena_bulk(f->from.arena, place);

    for (uint32_t i = 0; i < length; i++) {
        bulk[i] = i * 2654435761u >> 24 | 1;
    }
    return bulk;
}

static void send_request(const Fixture *f, uint32_t number, uint32_t place,
                         uint32_t bulk)
{
    const WireQrequest queued = {
        .place = place, .request_length = REQUEST_SIZE, .bulk_length = bulk,
        .flags = VGPU_STUB_SUBMIT_BULK_FROM_GUEST,
    };
    const WireHeader header = {
        .type = VGPU_STUB_MSG_QREQUEST, .length = sizeof(queued),
        .request_id = number,
    };

    carrier_send_request(f->from.carrier, &header, &queued, &queued);
}

static void expect(const Fixture *f, const uint32_t *numbers, size_t count)
{
    g_assert_cmpmem(f->to.messages->data,
                    f->to.messages->len * sizeof(uint32_t), numbers,
                    count * sizeof(uint32_t));
}

/* Whatever a read brings: a byte, half a header, several messages */
static void test_in_pieces(Fixture *f, gconstpointer size)
{
    const uint32_t bulk = GPOINTER_TO_UINT(size) < 16 ? 70000 : BULK;
    const uint8_t *sent = fill(f, PLACE, bulk);

    memset(arena_request(f->from.arena, PLACE), 0x5a, REQUEST_SIZE);
    send_request(f, 1, PLACE, bulk);
    send_request(f, 2, PLACE + 1, 1);
    pass_all(f, GPOINTER_TO_UINT(size));
    expect(f, (const uint32_t[]) { 1, 2 }, 2);
    g_assert_cmpmem(arena_bulk(f->to.arena, PLACE), bulk, sent, bulk);
    g_assert_cmpmem(arena_request(f->to.arena, PLACE), REQUEST_SIZE,
                    arena_request(f->from.arena, PLACE), REQUEST_SIZE);
    g_assert_false(carrier_waits(f->from.carrier));
    g_assert_null(f->to.why);
}

/* Of an answer comes what was said, and not what else is in its place. */
static void test_an_answer(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const WireQrequest queued = {
        .place = PLACE, .bulk_length = BULK,
        .flags = VGPU_STUB_SUBMIT_BULK_TO_GUEST,
    };
    const WireHeader header = {
        .type = VGPU_STUB_MSG_QRESPONSE, .request_id = 7,
    };
    const uint8_t *sent = fill(f, PLACE, BULK);

    memcpy(arena_response(f->from.arena, PLACE), "answered", 8);
    carrier_send_answer(f->from.carrier, &header, "", &queued, 4, 100);
    pass_all(f, 4096);
    expect(f, (const uint32_t[]) { 7 }, 1);
    g_assert_cmpmem(arena_response(f->to.arena, PLACE), 8, "answ\0\0\0", 8);
    g_assert_cmpmem(arena_bulk(f->to.arena, PLACE), 100, sent, 100);
    g_assert_cmpuint(arena_bulk(f->to.arena, PLACE)[100], ==, 0);
}

/* What is short need not wait for bulk; what has its turn has to. */
static void test_what_is_between(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const struct worker_limits limits = { .memory = 1 };
    const WireHeader turn = {
        .type = WORKER_MSG_LIMITS, .length = sizeof(limits), .request_id = 2,
    };
    const WireHeader once = { .type = VGPU_STUB_MSG_PING, .request_id = 3 };

    fill(f, PLACE, BULK);
    send_request(f, 1, PLACE, BULK);
    carrier_send_message(f->from.carrier, &turn, &limits);
    settle();
    g_assert_true(carrier_waits(f->from.carrier));
    g_assert_cmpuint(channel_waiting(f->from.channel), <, CHANNEL_TX_FULL);
    channel_send(f->from.channel, &once, NULL);
    pass_all(f, 65536);
    expect(f, (const uint32_t[]) { 3, 1, 2 }, 3);
}

/* Wherever a stream is cut off: nothing that is not whole has come. */
static void test_cut_off(Fixture *f, gconstpointer size)
{
    size_t left = GPOINTER_TO_UINT(size);

    fill(f, PLACE, BULK);
    send_request(f, 1, PLACE, BULK);
    send_request(f, 2, PLACE, BULK);
    while (left > 0) {
        const size_t passed = pass(f, MIN(left, 10000));

        g_assert_cmpuint(passed, >, 0);
        left -= passed;
    }
    close(f->to.stream);
    f->to.stream = -1;
    shutdown(f->from.stream, SHUT_RDWR);
    settle();
    g_assert_nonnull(f->to.why);
    g_assert_nonnull(f->from.why);
    g_assert_cmpuint(f->to.messages->len, ==, 0);
}

/* An owner that goes takes with it what waits. */
static void test_gone(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    send_request(f, 1, PLACE, BULK);
    settle();
    g_assert_true(carrier_waits(f->from.carrier));
}

typedef struct Piece {
    uint64_t offset;            /* from the end of the arena, if it is 0 */
    uint32_t length;            /* of the message */
    bool beyond;                /* the offset is the arena's size + it */
    const char *why;            /* NULL: it is one that there can be */
} Piece;

static const Piece pieces[] = {
    { .offset = 0, .length = 9 },
    { .offset = 0, .length = 8 + WORKER_DATA_MAX },
    { .offset = -1, .length = 9, .beyond = true },
    { .offset = -(uint64_t)WORKER_DATA_MAX, .length = 8 + WORKER_DATA_MAX,
      .beyond = true },
    { .offset = 0, .length = 0, .why = "DATA of 0 bytes" },
    { .offset = 0, .length = 1, .why = "DATA of 1 bytes" },
    { .offset = 0, .length = 8, .why = "DATA of 8 bytes" },
    { .offset = 0, .length = 9 + WORKER_DATA_MAX,
      .why = "DATA of 32777 bytes" },
    { .offset = 0, .length = G_MAXUINT32, .why = "DATA of 4294967295 bytes" },
    { .offset = 0, .length = 9, .beyond = true, .why = "DATA of 1 bytes at" },
    { .offset = -1, .length = 10, .beyond = true,
      .why = "DATA of 2 bytes at" },
    { .offset = -(uint64_t)WORKER_DATA_MAX + 1,
      .length = 8 + WORKER_DATA_MAX, .beyond = true,
      .why = "DATA of 32768 bytes at" },
    { .offset = G_MAXUINT64, .length = 9, .why = "DATA of 1 bytes at" },
    { .offset = G_MAXUINT64 - WORKER_DATA_MAX + 1,
      .length = 8 + WORKER_DATA_MAX, .why = "DATA of 32768 bytes at" },
    { .offset = 1ull << 63, .length = 9, .why = "DATA of 1 bytes at" },
};

/* With no byte more than a message has, for the address sanitizer */
static void test_lengths(Fixture *f, gconstpointer opaque)
{
    const Piece *piece = opaque;
    const uint64_t offset = GUINT64_TO_LE(
        piece->offset + (piece->beyond ? arena_bytes(f->to.arena) : 0));
    const WireHeader header = {
        .type = WORKER_MSG_DATA, .length = piece->length,
    };
    const size_t size = MIN(piece->length, 9 + WORKER_DATA_MAX);
    g_autofree uint8_t *payload = g_malloc0(size);
    g_autoptr(GError) error = NULL;

    if (size > 0) {
        memcpy(payload, &offset, MIN(size, sizeof(offset)));
    }
    g_assert_cmpint(carrier_take(f->to.carrier, &header, payload, &error), ==,
                    piece->why == NULL);
    if (piece->why != NULL) {
        g_assert_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION);
        g_assert_true(g_str_has_prefix(error->message, piece->why));
    }
}

static void add(const char *name, gconstpointer data,
                void (*test)(Fixture *f, gconstpointer data))
{
    g_test_add(name, Fixture, data, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    /* Within the first header, a piece's, one after several, the last byte */
    static const size_t cuts[] = { 1, 39, 40, 41, 48, 49, 40000, 1000000 };
    static const size_t sizes[] = { 1, 7, 4096, 65536 };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *name = g_strdup_printf("/carrier/by/%zu", sizes[i]);

        add(name, GUINT_TO_POINTER(sizes[i]), test_in_pieces);
    }
    add("/carrier/answer", NULL, test_an_answer);
    add("/carrier/between", NULL, test_what_is_between);
    for (size_t i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autofree char *name = g_strdup_printf("/carrier/cut/%zu", cuts[i]);

        add(name, GUINT_TO_POINTER(cuts[i]), test_cut_off);
    }
    add("/carrier/gone", NULL, test_gone);
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autofree char *name = g_strdup_printf("/carrier/length/%zu", i);

        add(name, &pieces[i], test_lengths);
    }
    return g_test_run();
}
