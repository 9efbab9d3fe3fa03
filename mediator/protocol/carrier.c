/*
 * Carries the bytes of an arena to one of the same places on another host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "carrier.h"

#include <string.h>

/*
 * Bytes that may wait in the channel when a piece is added: with that, and some
 * short messages of others, it does not count as full (CHANNEL_TX_FULL), and so
 * never stops to receive. Else both sides could wait for each other.
 */
#define WAITING_MAX (WORKER_DATA_MAX / 2)

G_STATIC_ASSERT(WAITING_MAX + WORKER_DATA_MAX <= CHANNEL_TX_FULL * 3 / 4);

struct Carrier {
    Channel *channel;
    Arena *arena;
    GQueue loads;               /* Load */
};

/* Bytes of the arena's; none with a length of 0 */
typedef struct CarrierPart {
    const uint8_t *bytes;
    uint32_t length;
} CarrierPart;

/* What is in a place, and the bulk */
#define CARRIER_PARTS 2

/* A message that waits, and what goes before it */
typedef struct Load {
    WireHeader header;
    CarrierPart parts[CARRIER_PARTS];
    uint8_t payload[];
} Load;

Carrier *carrier_new(Channel *channel, Arena *arena)
{
    Carrier *carrier = g_new0(Carrier, 1);

    carrier->channel = channel;
    carrier->arena = arena_ref(arena);
    g_queue_init(&carrier->loads);
    return carrier;
}

void carrier_free(Carrier *carrier)
{
    Load *load;

    while ((load = g_queue_pop_head(&carrier->loads)) != NULL) {
        g_free(load);
    }
    arena_unref(carrier->arena);
    g_free(carrier);
}

/* Send a piece of @part. */
static void carrier_send_piece(Carrier *carrier, CarrierPart *part)
{
    const uint32_t length = MIN(part->length, WORKER_DATA_MAX);
    const struct worker_data data = {
        .offset = GUINT64_TO_LE(part->bytes -
                                arena_request(carrier->arena, 0)),
    };
    const WireHeader header = {
        .type = WORKER_MSG_DATA,
        .length = sizeof(data) + length,
    };

    channel_send_soon(carrier->channel, &header, &data, sizeof(data),
                      part->bytes);
    part->bytes += length;
    part->length -= length;
}

/* The next part of @load; NULL when all have gone */
static CarrierPart *load_next(Load *load)
{
    for (size_t i = 0; i < CARRIER_PARTS; i++) {
        if (load->parts[i].length > 0) {
            return &load->parts[i];
        }
    }
    return NULL;
}

void carrier_go_on(Carrier *carrier)
{
    Load *load;

    while (channel_waiting(carrier->channel) < WAITING_MAX &&
           (load = g_queue_peek_head(&carrier->loads)) != NULL) {
        CarrierPart *part = load_next(load);

        if (part != NULL) {
            carrier_send_piece(carrier, part);
            continue;
        }
        channel_send_soon(carrier->channel, &load->header, load->payload,
                          load->header.length, NULL);
        g_free(g_queue_pop_head(&carrier->loads));
    }
}

static void carrier_send(Carrier *carrier, const WireHeader *header,
                         const void *payload, CarrierPart part,
                         CarrierPart bulk)
{
    Load *load = g_malloc(sizeof(*load) + header->length);

    load->header = *header;
    load->parts[0] = part;
    load->parts[1] = bulk;
    memcpy(load->payload, payload, header->length);
    g_queue_push_tail(&carrier->loads, load);
    carrier_go_on(carrier);
}

void carrier_send_request(Carrier *carrier, const WireHeader *header,
                          const void *payload, const WireQrequest *queued)
{
    const bool bulk = queued->flags & VGPU_STUB_SUBMIT_BULK_FROM_GUEST;

    carrier_send(carrier, header, payload, (CarrierPart) {
        arena_request(carrier->arena, queued->place), queued->request_length,
    }, (CarrierPart) {
        arena_bulk(carrier->arena, queued->place),
        bulk ? queued->bulk_length : 0,
    });
}

void carrier_send_answer(Carrier *carrier, const WireHeader *header,
                         const void *payload, const WireQrequest *queued,
                         uint32_t length, uint32_t moved)
{
    const bool bulk = queued->flags & VGPU_STUB_SUBMIT_BULK_TO_GUEST;

    carrier_send(carrier, header, payload, (CarrierPart) {
        arena_response(carrier->arena, queued->place), length,
    }, (CarrierPart) {
        arena_bulk(carrier->arena, queued->place), bulk ? moved : 0,
    });
}

void carrier_send_message(Carrier *carrier, const WireHeader *header,
                          const void *payload)
{
    carrier_send(carrier, header, payload, (CarrierPart) { 0 },
                 (CarrierPart) { 0 });
}

bool carrier_waits(const Carrier *carrier)
{
    return carrier->loads.length > 0;
}

bool carrier_take(Carrier *carrier, const WireHeader *header,
                  const uint8_t *payload, GError **error)
{
    const uint64_t size = arena_bytes(carrier->arena);
    struct worker_data data;
    uint32_t length;

    if (header->length <= sizeof(data) ||
        header->length > sizeof(data) + WORKER_DATA_MAX) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "DATA of %u bytes", header->length);
        return false;
    }
    memcpy(&data, payload, sizeof(data));
    data.offset = GUINT64_FROM_LE(data.offset);
    length = header->length - sizeof(data);
    if (data.offset > size || length > size - data.offset) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "DATA of %u bytes at %" G_GUINT64_FORMAT " of an arena of "
                    "%" G_GUINT64_FORMAT, length, (guint64)data.offset,
                    (guint64)size);
        return false;
    }
    memcpy(arena_request(carrier->arena, 0) + data.offset,
           payload + sizeof(data), length);
    return true;
}
