/*
 * libvgpu-stub: copies of the program's memory beside the requests
 *
 * A copy is pieces, as large as a request moves, some of which are under way at
 * a time. They are of one order, so that what was copied when one fails is what
 * came before it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "clock.h"
#include "copy.h"

/* Pieces under way: the device moves some while the host takes others. */
#define WINDOW 4

struct piece {
    struct request request;
    struct vgpu_stub_outcome outcome;
    uint8_t bytes[VGPU_STUB_BUF_SIZE];
};

struct bulk {
    struct vgpu_stub *dev;
    struct copy *copy;
    uint64_t next;              /* where the next piece begins */
    unsigned begun, ended;      /* pieces; the oldest is at ended % WINDOW */
    struct piece pieces[WINDOW];
};

/* The next piece goes on its way when the oldest is waited for. */
static int begin_piece(struct bulk *bulk)
{
    struct copy *copy = bulk->copy;
    struct vgpu_stub *dev = bulk->dev;
    const uint64_t left = copy->length - bulk->next;
    const uint32_t most = dev->transport->bulk_max;
    const uint32_t length = left < most ? left : most;
    struct piece *piece = &bulk->pieces[bulk->begun % WINDOW];
    int rc;

    request_init(&piece->request, piece->bytes,
                 copy_encode(copy, bulk->next, length, NULL, piece->bytes),
                 copy->deadline_us, copy->flags | VGPU_STUB_MORE,
                 &piece->outcome);
    limit_ask(&piece->request.limit, dev->stop, dev->opaque);
    piece->request.bulk = copy->data + bulk->next;
    piece->request.bulk_length = length;
    piece->request.bulk_to_device =
        copy->direction == VGPU_STUB_COPY_TO_DEVICE;
    rc = dev->transport->ops->begin(dev->transport, &piece->request);
    if (rc < 0) {
        request_destroy(&piece->request);
        return rc;
    }
    bulk->next += length;
    bulk->begun++;
    return 0;
}

/* The oldest piece ends; returns as a request does. */
static int end_piece(struct bulk *bulk, struct vgpu_stub_outcome *outcome)
{
    struct piece *piece = &bulk->pieces[bulk->ended++ % WINDOW];
    struct transport *transport = bulk->dev->transport;
    struct vgpu_stub_reply reply;
    int rc;

    rc = transport->ops->wait(transport, &piece->request, CLOCK_NEVER);
    if (rc == 0 || rc == -EREMOTEIO) {
        *outcome = piece->outcome;
    }
    if (rc == 0) {
        rc = copy_check_reply(outcome, &reply);
    }
    if (rc == 0) {
        bulk->copy->done += piece->request.bulk_length;
    }
    request_destroy(&piece->request);
    return rc;
}

/* Those that are under way are not wanted any more. */
static void cancel_pieces(struct bulk *bulk)
{
    struct transport *transport = bulk->dev->transport;
    const uint64_t done = bulk->copy->done;
    struct vgpu_stub_outcome unwanted;

    for (unsigned i = bulk->ended; i != bulk->begun; i++) {
        transport->ops->cancel(transport, &bulk->pieces[i % WINDOW].request);
    }
    while (bulk->ended != bulk->begun) {
        end_piece(bulk, &unwanted);
    }
    bulk->copy->done = done;
}

int copy_bulk(struct vgpu_stub *dev, struct copy *copy,
              struct vgpu_stub_outcome *outcome)
{
    struct bulk *bulk = malloc(sizeof(*bulk));
    int rc = 0;

    if (!bulk) {
        return -ENOMEM;
    }
    bulk->dev = dev;
    bulk->copy = copy;
    bulk->next = 0;
    bulk->begun = bulk->ended = 0;
    while (rc == 0 && copy->done < copy->length) {
        while (rc == 0 && bulk->next < copy->length &&
               bulk->begun - bulk->ended < WINDOW) {
            rc = begin_piece(bulk);
        }
        if (rc == 0) {
            rc = end_piece(bulk, outcome);
        }
    }
    cancel_pieces(bulk);
    free(bulk);
    return rc;
}
