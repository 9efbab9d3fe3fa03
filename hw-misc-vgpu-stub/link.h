/*
 * vgpu-stub: the link to the mediator
 *
 * One connection at a time over a QEMU chardev, in the device <-> mediator
 * protocol (docs/wire-protocol.md): handshake, framing, bounded buffers. The
 * link knows messages, not registers; the device knows registers, not messages.
 *
 * Nothing here blocks. Everything runs under the big QEMU lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VGPU_STUB_LINK_H
#define VGPU_STUB_LINK_H

#include "chardev/char-fe.h"
#include "qemu/timer.h"
#include "vgpu-stub-wire.h"

/* The largest message, header included. */
#define VGPU_STUB_LINK_MESSAGE_MAX \
    (sizeof(struct vgpu_stub_wire_header) + VGPU_STUB_WIRE_MAX_PAYLOAD)

/*
 * What the transmit buffer always keeps free: the PONGs to everything that
 * the receive buffer can hold, the CANCEL and the RESET that may follow the
 * last request, and the RESET that may follow the queue's messages after those.
 * So these never have to be dropped, however slowly the mediator reads.
 */
#define VGPU_STUB_LINK_TX_RESERVE \
    (VGPU_STUB_LINK_MESSAGE_MAX + 3 * sizeof(struct vgpu_stub_wire_header))

/* On top of that, requests (and what followed earlier ones) wait in here. */
#define VGPU_STUB_LINK_TX_REQUESTS 4096

/*
 * And the queue's messages, each of this size, in here, whatever room the
 * mailbox's have: as many as a ring has entries.
 */
#define VGPU_STUB_LINK_QUEUE_MESSAGE \
    (sizeof(struct vgpu_stub_wire_header) + \
     sizeof(struct vgpu_stub_wire_qrequest))
#define VGPU_STUB_LINK_TX_QUEUE \
    (VGPU_STUB_QUEUE_ENTRIES_MAX * VGPU_STUB_LINK_QUEUE_MESSAGE)

/*
 * Descriptors that have come before the ARENA that they belong to is complete:
 * that of one whose end came with the beginning of another one.
 */
#define VGPU_STUB_LINK_FDS 2

/* Milliseconds of real time in which a peer has to accept the device */
#define VGPU_STUB_LINK_VERDICT_MS 5000

typedef struct VgpuStubLink VgpuStubLink;

typedef struct VgpuStubLinkOps {
    /*
     * A RESPONSE has come. @status is a documented ERROR_CODE and @length at
     * most VGPU_STUB_MAX_RESPONSE bytes; @sequence is whatever the mediator
     * sent. @data belongs to the link and is valid during the call.
     */
    void (*response)(void *opaque, uint64_t sequence, uint32_t status,
                     const uint8_t *data, uint32_t length);
    /*
     * The connection is gone; nothing that was sent on it will be answered.
     * @error_code: VGPU_STUB_ERR_PROTOCOL_ERROR when the mediator broke the
     * protocol, else VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE.
     */
    void (*lost)(void *opaque, uint32_t error_code);

    /*
     * Of the queue, when the mediator serves it; host byte order. They return
     * NULL, or what is wrong: that ends the connection. @status is a
     * documented ERROR_CODE, of a refusal not NONE. The descriptor becomes the
     * callee's. What they name may not be there any more.
     */
    const char *(*arena)(void *opaque, int fd,
                         const struct vgpu_stub_wire_arena *arena);
    const char *(*refused)(void *opaque, uint64_t context, uint32_t status);
    const char *(*closed)(void *opaque, uint64_t context);
    const char *(*queue_response)(
        void *opaque, uint64_t sequence, uint32_t status,
        const struct vgpu_stub_wire_qresponse *response);
    /* All messages that had come have been told. The link may be closed. */
    void (*received)(void *opaque);
    /* There is room again for messages of the queue; nothing may be sent. */
    void (*queue_room)(void *opaque);
} VgpuStubLinkOps;

typedef enum VgpuStubLinkState {
    VGPU_STUB_LINK_STATE_DOWN,      /* nobody there, or sent away */
    VGPU_STUB_LINK_STATE_HELLO,     /* HELLO sent, no verdict yet */
    VGPU_STUB_LINK_STATE_UP,        /* WELCOME received */
    VGPU_STUB_LINK_STATE_REJECTED,  /* REJECT received */
} VgpuStubLinkState;

struct VgpuStubLink {
    CharBackend chr;                /* the device's property "chardev" */
    VgpuStubLinkState state;
    const VgpuStubLinkOps *ops;
    void *opaque;
    struct vgpu_stub_wire_hello hello;  /* as it is on the wire */
    QEMUTimer verdict;              /* ends the wait for WELCOME */
    uint64_t sequence;              /* the last one given; never goes back */
    bool clean;                     /* no request since the last RESET */
    uint32_t version;               /* that was accepted */
    guint tx_watch;                 /* 0: not waiting for the chardev */
    size_t tx_len;
    size_t queue_begin, queue_end;  /* what in tx is the queue's */
    bool queue_room_wanted;
    size_t rx_len;
    int fds[VGPU_STUB_LINK_FDS];    /* oldest first */
    unsigned fd_count;
    uint8_t rx[VGPU_STUB_LINK_MESSAGE_MAX];
    uint8_t tx[VGPU_STUB_LINK_TX_RESERVE + VGPU_STUB_LINK_TX_REQUESTS +
               VGPU_STUB_LINK_TX_QUEUE];
};

/*
 * Start to serve connections on link->chr, which may be unset: the link then
 * stays down. @hello is copied, its fields are in host byte order. @ops must
 * outlive the link and is called with @opaque.
 */
void vgpu_stub_link_open(VgpuStubLink *link,
                         const struct vgpu_stub_wire_hello *hello,
                         const VgpuStubLinkOps *ops, void *opaque);

/* End the connection and serve no other; ops are not called any more. */
void vgpu_stub_link_close(VgpuStubLink *link);

/* Has the mediator accepted the device on this connection? */
bool vgpu_stub_link_is_up(const VgpuStubLink *link);

/* May a request of @length bytes be sent now (link up, room for it)? */
bool vgpu_stub_link_has_room(const VgpuStubLink *link, uint32_t length);

/* The number of a new request: it was never used before. */
uint64_t vgpu_stub_link_next_sequence(VgpuStubLink *link);

/*
 * Send a REQUEST, for which has_room() was true; @data is copied. The link
 * can be found lost while sending: ops->lost is then called from in here.
 */
void vgpu_stub_link_send_request(VgpuStubLink *link, uint64_t sequence,
                                 uint32_t request_id, const uint8_t *data,
                                 uint32_t length);

/* Send the CANCEL of the request that was sent last, once, if still up. */
void vgpu_stub_link_send_cancel(VgpuStubLink *link, uint64_t sequence,
                                uint32_t request_id);

/*
 * Tell the mediator that nothing of what was sent so far is wanted any more,
 * unless it knows. A mediator of before this message ignores it: a request
 * that runs has its CANCEL first.
 */
void vgpu_stub_link_send_reset(VgpuStubLink *link);

/*
 * The queue's messages: those that were added since the last flush are sent
 * together.
 */

/* Has the mediator accepted the device, and serves its queue? */
bool vgpu_stub_link_serves_queue(const VgpuStubLink *link);

/*
 * Is there room for one more message of the queue? If not, and the link is up,
 * ops->queue_room is called when there is.
 */
bool vgpu_stub_link_queue_room(VgpuStubLink *link);

/* Add a message, host byte order; there is room for it. */
void vgpu_stub_link_add_open(VgpuStubLink *link, uint64_t context);
void vgpu_stub_link_add_close(VgpuStubLink *link, uint64_t context);
void vgpu_stub_link_add_qrequest(VgpuStubLink *link, uint64_t sequence,
                                 uint32_t request_id,
                                 const struct vgpu_stub_wire_qrequest *request);
void vgpu_stub_link_add_qcancel(VgpuStubLink *link, uint64_t sequence,
                                uint32_t request_id, uint64_t context);

/* Send what was added. ops->lost may be called from in here. */
void vgpu_stub_link_queue_flush(VgpuStubLink *link);

/* Between the link's own files */

/* A message into tx, where there is room for it; it is not sent yet. */
void vgpu_stub_link_put(VgpuStubLink *link, uint16_t type, uint64_t sequence,
                        uint32_t request_id, const void *payload,
                        uint32_t length);

/*
 * Take a message of the queue, whose payload has come. Returns NULL, or what is
 * wrong: *@value is it.
 */
const char *vgpu_stub_link_receive_queue(
    VgpuStubLink *link, const struct vgpu_stub_wire_header *header,
    const uint8_t *payload, uint64_t *value);

#endif /* VGPU_STUB_LINK_H */
