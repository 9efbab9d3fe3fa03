/*
 * vgpu-stub: the link to the mediator
 *
 * The mediator is not trusted: every length is checked before it is used, and
 * a message that breaks the protocol ends the connection.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "link.h"
#include "compat.h"

static void link_flush(VgpuStubLink *link);

static void link_stop_waiting(VgpuStubLink *link)
{
    timer_del(&link->verdict);
    if (link->tx_watch) {
        g_source_remove(link->tx_watch);
        link->tx_watch = 0;
    }
}

/* Those of which no ARENA was */
static void link_close_fds(VgpuStubLink *link)
{
    while (link->fd_count) {
        close(link->fds[--link->fd_count]);
    }
}

static void link_lose(VgpuStubLink *link, uint32_t error_code)
{
    if (link->state == VGPU_STUB_LINK_STATE_DOWN) {
        return;
    }
    link->state = VGPU_STUB_LINK_STATE_DOWN;
    link->rx_len = 0;
    link->tx_len = 0;
    link->queue_begin = link->queue_end = 0;
    link->queue_room_wanted = false;
    link_close_fds(link);
    link_stop_waiting(link);
    link->ops->lost(link->opaque, error_code);
}

/* It is us who end the connection. */
static void link_end(VgpuStubLink *link, uint32_t error_code)
{
    link_lose(link, error_code);
    qemu_chr_fe_disconnect(&link->chr);
}

static void link_violation(VgpuStubLink *link, const char *what, uint64_t value)
{
    trace_vgpu_stub_link_violation(link, what, value);
    link_end(link, VGPU_STUB_ERR_PROTOCOL_ERROR);
}

/*
 * The chardev takes one connection at a time: whoever does not become the
 * mediator on it must not keep it from one that does. Real time, since the
 * peer is on the host and its time does not stop with the VM.
 */
static void link_overdue(void *opaque)
{
    VgpuStubLink *link = opaque;

    trace_vgpu_stub_link_overdue(link);
    link_end(link, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
}

/* Sending */

static gboolean link_tx_ready(VgpuStubWatchSource *source G_GNUC_UNUSED,
                              GIOCondition cond G_GNUC_UNUSED, void *opaque)
{
    VgpuStubLink *link = opaque;

    link->tx_watch = 0;
    link_flush(link);
    return G_SOURCE_REMOVE;
}

/* The first @written bytes of tx are gone. */
static void link_tx_advance(VgpuStubLink *link, size_t written)
{
    link->tx_len -= written;
    memmove(link->tx, link->tx + written, link->tx_len);
    link->queue_begin -= MIN(link->queue_begin, written);
    link->queue_end -= MIN(link->queue_end, written);
}

/* Write what the chardev takes now, and come back for the rest. */
static void link_flush(VgpuStubLink *link)
{
    int written;

    if (link->tx_watch || !link->tx_len) {
        return;
    }
    written = qemu_chr_fe_write(&link->chr, link->tx, link->tx_len);
    if (link->state == VGPU_STUB_LINK_STATE_DOWN) {
        return; /* the chardev noticed while writing, and told link_event() */
    }
    if (written < 0 && errno != EAGAIN) {
        /*
         * The chardev waits for the end of what the peer sends, which does not
         * come while the peer closes only what it receives.
         */
        trace_vgpu_stub_link_write_failed(link, errno);
        link_end(link, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
        return;
    }
    if (written > 0) {
        link_tx_advance(link, written);
    }
    if (link->queue_room_wanted && vgpu_stub_link_queue_room(link)) {
        link->queue_room_wanted = false;
        link->ops->queue_room(link->opaque);
    }
    if (link->tx_len) {
        link->tx_watch = qemu_chr_fe_add_watch(&link->chr, G_IO_OUT | G_IO_HUP,
                                               link_tx_ready, link);
        if (!link->tx_watch) {
            /* This kind of chardev cannot say when it takes more. */
            link_end(link, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
        }
    }
}

/* For all but the queue's messages, which have room of their own */
static size_t link_tx_free(const VgpuStubLink *link)
{
    return VGPU_STUB_LINK_TX_RESERVE + VGPU_STUB_LINK_TX_REQUESTS -
           (link->tx_len - (link->queue_end - link->queue_begin));
}

void vgpu_stub_link_put(VgpuStubLink *link, uint16_t type, uint64_t sequence,
                        uint32_t request_id, const void *payload,
                        uint32_t length)
{
    struct vgpu_stub_wire_header header = {
        .magic = cpu_to_le32(VGPU_STUB_WIRE_MAGIC),
        .version = cpu_to_le16(VGPU_STUB_WIRE_VERSION),
        .type = cpu_to_le16(type),
        .length = cpu_to_le32(length),
        .request_id = cpu_to_le32(request_id),
        .sequence = cpu_to_le64(sequence),
    };

    trace_vgpu_stub_link_send(link, type, sequence, length);
    memcpy(link->tx + link->tx_len, &header, sizeof(header));
    link->tx_len += sizeof(header);
    if (length) {
        memcpy(link->tx + link->tx_len, payload, length);
        link->tx_len += length;
    }
}

/* There is room: see VGPU_STUB_LINK_TX_RESERVE. */
static void link_send(VgpuStubLink *link, uint16_t type, uint64_t sequence,
                      uint32_t request_id, const void *payload, uint32_t length)
{
    assert(link_tx_free(link) >=
           sizeof(struct vgpu_stub_wire_header) + length);
    vgpu_stub_link_put(link, type, sequence, request_id, payload, length);
    link_flush(link);
}

/* Receiving */

static void link_receive_welcome(VgpuStubLink *link, const uint8_t *payload,
                                 uint32_t length)
{
    struct vgpu_stub_wire_welcome welcome;
    uint32_t version, max_payload;

    if (length != sizeof(welcome)) {
        link_violation(link, "length of WELCOME", length);
        return;
    }
    memcpy(&welcome, payload, sizeof(welcome));
    version = le32_to_cpu(welcome.accepted_version);
    max_payload = le32_to_cpu(welcome.max_payload);
    if (version >> 16 != VGPU_STUB_WIRE_MAILBOX >> 16 ||
        version > le32_to_cpu(link->hello.protocol_version)) {
        link_violation(link, "accepted version in WELCOME", version);
    } else if (max_payload < VGPU_STUB_MAX_REQUEST) {
        link_violation(link, "max payload in WELCOME", max_payload);
    } else {
        timer_del(&link->verdict);
        link->version = version;
        link->state = VGPU_STUB_LINK_STATE_UP;
        trace_vgpu_stub_link_up(link);
    }
}

static void link_receive_reject(VgpuStubLink *link, uint32_t status,
                                const uint8_t *payload, uint32_t length)
{
    g_autofree char *text = g_strndup((const char *)payload, length);
    g_autofree char *reason = g_strescape(text, NULL);

    link->state = VGPU_STUB_LINK_STATE_REJECTED;
    trace_vgpu_stub_link_rejected(link, status, reason);
}

/* One of those that are known since 1.1; before, they are nothing. */
static void link_receive_queue(VgpuStubLink *link,
                               const struct vgpu_stub_wire_header *header,
                               const uint8_t *payload)
{
    uint64_t value = 0;
    const char *wrong;

    if (vgpu_stub_link_serves_queue(link)) {
        wrong = vgpu_stub_link_receive_queue(link, header, payload, &value);
        if (wrong) {
            link_violation(link, wrong, value);
        }
    }
}

/* A whole message is there, its magic, version and length are right. */
static void link_receive_message(VgpuStubLink *link,
                                 const struct vgpu_stub_wire_header *header,
                                 const uint8_t *payload)
{
    uint16_t type = le16_to_cpu(header->type);
    uint32_t length = le32_to_cpu(header->length);
    uint64_t sequence = le64_to_cpu(header->sequence);
    uint32_t status = le32_to_cpu(header->status);

    trace_vgpu_stub_link_receive(link, type, sequence, length, status);
    switch (type) {
    case VGPU_STUB_MSG_WELCOME:
    case VGPU_STUB_MSG_REJECT:
        if (link->state != VGPU_STUB_LINK_STATE_HELLO) {
            link_violation(link, "second verdict on HELLO, type", type);
        } else if (type == VGPU_STUB_MSG_WELCOME) {
            link_receive_welcome(link, payload, length);
        } else {
            link_receive_reject(link, status, payload, length);
        }
        break;
    case VGPU_STUB_MSG_RESPONSE:
        if (length > VGPU_STUB_MAX_RESPONSE) {
            link_violation(link, "length of RESPONSE", length);
        } else if (!vgpu_stub_error_is_listed(status)) {
            link_violation(link, "status in RESPONSE", status);
        } else {
            link->ops->response(link->opaque, sequence, status, payload,
                                length);
        }
        break;
    case VGPU_STUB_MSG_PING:
        link_send(link, VGPU_STUB_MSG_PONG, sequence,
                  le32_to_cpu(header->request_id), payload, length);
        break;
    case VGPU_STUB_MSG_HELLO:
    case VGPU_STUB_MSG_REQUEST:
    case VGPU_STUB_MSG_CANCEL:
    case VGPU_STUB_MSG_RESET:
        link_violation(link, "message that only a device sends, type", type);
        break;
    case VGPU_STUB_MSG_CONTEXT_OPEN ... VGPU_STUB_MSG_QCANCEL:
        link_receive_queue(link, header, payload);
        break;
    default:
        break; /* PONG, and types of newer peers */
    }
}

/*
 * Take one message out of the receive buffer. Returns the bytes it took, 0
 * when no whole message is there or the connection has ended.
 */
static size_t link_parse(VgpuStubLink *link, const uint8_t *data, size_t size)
{
    struct vgpu_stub_wire_header header;
    uint32_t length;

    if (size < sizeof(header)) {
        return 0;
    }
    memcpy(&header, data, sizeof(header));
    length = le32_to_cpu(header.length);
    if (le32_to_cpu(header.magic) != VGPU_STUB_WIRE_MAGIC) {
        link_violation(link, "magic", le32_to_cpu(header.magic));
        return 0;
    }
    if (le16_to_cpu(header.version) != VGPU_STUB_WIRE_VERSION) {
        link_violation(link, "version", le16_to_cpu(header.version));
        return 0;
    }
    if (length > VGPU_STUB_WIRE_MAX_PAYLOAD) {
        link_violation(link, "length", length);
        return 0;
    }
    if (size < sizeof(header) + length) {
        return 0;
    }
    link_receive_message(link, &header, data + sizeof(header));
    return link->state == VGPU_STUB_LINK_STATE_DOWN ?
           0 : sizeof(header) + length;
}

/* Bytes that link_receive() can take; 0 leaves them in the chardev. */
static int link_can_receive(void *opaque)
{
    VgpuStubLink *link = opaque;

    if (link->state == VGPU_STUB_LINK_STATE_DOWN ||
        link_tx_free(link) < VGPU_STUB_LINK_TX_RESERVE) {
        return 0;
    }
    return sizeof(link->rx) - link->rx_len;
}

/*
 * Each read may bring a descriptor; a message whose end has not come may have
 * brought another one before. Nobody who keeps to the protocol sends a third.
 */
static void link_take_fd(VgpuStubLink *link)
{
    int fd = qemu_chr_fe_get_msgfd(&link->chr);

    if (fd < 0) {
        return;
    }
    if (link->fd_count == VGPU_STUB_LINK_FDS) {
        close(fd);
        link_violation(link, "descriptors without ARENA", link->fd_count + 1);
        return;
    }
    link->fds[link->fd_count++] = fd;
}

static void link_receive(void *opaque, const uint8_t *buf, int size)
{
    VgpuStubLink *link = opaque;
    size_t parsed = 0;
    size_t taken;

    /* link_can_receive() may have changed its mind since the chardev asked. */
    if (link->state == VGPU_STUB_LINK_STATE_DOWN) {
        return;
    }
    link_take_fd(link);
    if (link->state == VGPU_STUB_LINK_STATE_DOWN) {
        return;
    }
    assert(size >= 0 && (size_t)size <= sizeof(link->rx) - link->rx_len);
    memcpy(link->rx + link->rx_len, buf, size);
    link->rx_len += size;
    do {
        taken = link_parse(link, link->rx + parsed, link->rx_len - parsed);
        parsed += taken;
    } while (taken);
    if (link->state != VGPU_STUB_LINK_STATE_DOWN) {
        link->rx_len -= parsed;
        memmove(link->rx, link->rx + parsed, link->rx_len);
        if (!link->rx_len) {
            link_close_fds(link); /* what a newer peer may send */
        }
        link->ops->received(link->opaque);
    }
}

static void link_greet(VgpuStubLink *link)
{
    /* Should there be one of whose end the chardev has not told */
    link_lose(link, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
    link->state = VGPU_STUB_LINK_STATE_HELLO;
    link->clean = true;
    timer_mod(&link->verdict, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                              VGPU_STUB_LINK_VERDICT_MS);
    link_send(link, VGPU_STUB_MSG_HELLO, 0, 0, &link->hello,
              sizeof(link->hello));
}

static void link_event(void *opaque, VgpuStubChrEvent event)
{
    VgpuStubLink *link = opaque;

    switch (event) {
    case CHR_EVENT_OPENED:
        trace_vgpu_stub_link_opened(link);
        link_greet(link);
        break;
    case CHR_EVENT_CLOSED:
        trace_vgpu_stub_link_closed(link);
        link_lose(link, VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE);
        break;
    default:
        break;
    }
}

/* For the device */

void vgpu_stub_link_open(VgpuStubLink *link,
                         const struct vgpu_stub_wire_hello *hello,
                         const VgpuStubLinkOps *ops, void *opaque)
{
    link->ops = ops;
    link->opaque = opaque;
    link->hello = *hello;
    link->hello.protocol_version = cpu_to_le32(hello->protocol_version);
    link->hello.capabilities = cpu_to_le32(hello->capabilities);
    link->hello.vm_id = cpu_to_le32(hello->vm_id);
    timer_init_ms(&link->verdict, QEMU_CLOCK_REALTIME, link_overdue, link);
    qemu_chr_fe_set_handlers(&link->chr, link_can_receive, link_receive,
                             link_event, NULL, link, NULL, true);
}

void vgpu_stub_link_close(VgpuStubLink *link)
{
    qemu_chr_fe_set_handlers(&link->chr, NULL, NULL, NULL, NULL, NULL, NULL,
                             false);
    link_stop_waiting(link);
    link_close_fds(link);
    link->state = VGPU_STUB_LINK_STATE_DOWN;
    qemu_chr_fe_disconnect(&link->chr);
}

bool vgpu_stub_link_is_up(const VgpuStubLink *link)
{
    return link->state == VGPU_STUB_LINK_STATE_UP;
}

bool vgpu_stub_link_has_room(const VgpuStubLink *link, uint32_t length)
{
    return vgpu_stub_link_is_up(link) &&
           link_tx_free(link) >= sizeof(struct vgpu_stub_wire_header) + length +
                                 VGPU_STUB_LINK_TX_RESERVE;
}

uint64_t vgpu_stub_link_next_sequence(VgpuStubLink *link)
{
    return ++link->sequence;
}

void vgpu_stub_link_send_request(VgpuStubLink *link, uint64_t sequence,
                                 uint32_t request_id, const uint8_t *data,
                                 uint32_t length)
{
    assert(vgpu_stub_link_has_room(link, length));
    link->clean = false;
    link_send(link, VGPU_STUB_MSG_REQUEST, sequence, request_id, data, length);
}

void vgpu_stub_link_send_cancel(VgpuStubLink *link, uint64_t sequence,
                                uint32_t request_id)
{
    if (vgpu_stub_link_is_up(link)) {
        link_send(link, VGPU_STUB_MSG_CANCEL, sequence, request_id, NULL, 0);
    }
}

void vgpu_stub_link_send_reset(VgpuStubLink *link)
{
    if (vgpu_stub_link_is_up(link) && !link->clean) {
        link->clean = true;
        link_send(link, VGPU_STUB_MSG_RESET, 0, 0, NULL, 0);
    }
}

void vgpu_stub_link_queue_flush(VgpuStubLink *link)
{
    if (vgpu_stub_link_is_up(link)) {
        link_flush(link);
    }
}
