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
 * the receive buffer can hold, and the CANCEL and the RESET that may follow the
 * last request. So these never have to be dropped, however slowly the mediator
 * reads.
 */
#define VGPU_STUB_LINK_TX_RESERVE \
    (VGPU_STUB_LINK_MESSAGE_MAX + 2 * sizeof(struct vgpu_stub_wire_header))

/* On top of that, requests (and what followed earlier ones) wait in here. */
#define VGPU_STUB_LINK_TX_REQUESTS 4096

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
    guint tx_watch;                 /* 0: not waiting for the chardev */
    size_t tx_len;
    size_t rx_len;
    uint8_t rx[VGPU_STUB_LINK_MESSAGE_MAX];
    uint8_t tx[VGPU_STUB_LINK_TX_RESERVE + VGPU_STUB_LINK_TX_REQUESTS];
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

#endif /* VGPU_STUB_LINK_H */
