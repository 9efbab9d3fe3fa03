/*
 * vgpu-stub: the queue's messages on the link to the mediator
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "link.h"
#include "compat.h"

/* Sending */

bool vgpu_stub_link_serves_queue(const VgpuStubLink *link)
{
    return vgpu_stub_link_is_up(link) && link->version >= VGPU_STUB_WIRE_QUEUE;
}

/*
 * The queue's messages are one piece of tx, so that it is known how much of it
 * is theirs: none is added behind what has come after them.
 */
bool vgpu_stub_link_queue_room(VgpuStubLink *link)
{
    size_t used = link->queue_end - link->queue_begin;
    bool room;

    if (!vgpu_stub_link_serves_queue(link)) {
        return false;
    }
    room = (!used || link->queue_end == link->tx_len) &&
           used + VGPU_STUB_LINK_QUEUE_MESSAGE <= VGPU_STUB_LINK_TX_QUEUE;
    link->queue_room_wanted |= !room;
    return room;
}

static void link_add(VgpuStubLink *link, uint16_t type, uint64_t sequence,
                     uint32_t request_id, const void *payload)
{
    assert(vgpu_stub_link_queue_room(link));
    if (link->queue_begin == link->queue_end) {
        link->queue_begin = link->tx_len;
    }
    link->clean = false;
    vgpu_stub_link_put(link, type, sequence, request_id, payload,
                       sizeof(struct vgpu_stub_wire_qrequest));
    link->queue_end = link->tx_len;
}

static void link_add_of_context(VgpuStubLink *link, uint16_t type,
                                uint64_t sequence, uint32_t request_id,
                                uint64_t context)
{
    const struct vgpu_stub_wire_context payload = {
        .context = cpu_to_le64(context),
    };

    link_add(link, type, sequence, request_id, &payload);
}

void vgpu_stub_link_add_open(VgpuStubLink *link, uint64_t context)
{
    link_add_of_context(link, VGPU_STUB_MSG_CONTEXT_OPEN, context, 0, context);
}

void vgpu_stub_link_add_close(VgpuStubLink *link, uint64_t context)
{
    link_add_of_context(link, VGPU_STUB_MSG_CONTEXT_CLOSE, context, 0, context);
}

void vgpu_stub_link_add_qcancel(VgpuStubLink *link, uint64_t sequence,
                                uint32_t request_id, uint64_t context)
{
    link_add_of_context(link, VGPU_STUB_MSG_QCANCEL, sequence, request_id,
                        context);
}

void vgpu_stub_link_add_qrequest(VgpuStubLink *link, uint64_t sequence,
                                 uint32_t request_id,
                                 const struct vgpu_stub_wire_qrequest *request)
{
    const struct vgpu_stub_wire_qrequest payload = {
        .context = cpu_to_le64(request->context),
        .order = cpu_to_le32(request->order),
        .place = cpu_to_le32(request->place),
        .request_length = cpu_to_le32(request->request_length),
        .response_capacity = cpu_to_le32(request->response_capacity),
        .bulk_length = cpu_to_le32(request->bulk_length),
        .flags = cpu_to_le32(request->flags),
    };

    link_add(link, VGPU_STUB_MSG_QREQUEST, sequence, request_id, &payload);
}

/* Receiving */

static const char *link_receive_arena(VgpuStubLink *link,
                                      const uint8_t *payload, uint64_t *value)
{
    struct vgpu_stub_wire_arena arena;
    int fd;

    memcpy(&arena, payload, sizeof(arena));
    arena.context = *value = le64_to_cpu(arena.context);
    arena.bytes = le64_to_cpu(arena.bytes);
    arena.small = le32_to_cpu(arena.small);
    arena.large = le32_to_cpu(arena.large);
    if (!link->fd_count) {
        return "ARENA without a descriptor";
    }
    fd = link->fds[0];
    link->fd_count--;
    memmove(link->fds, link->fds + 1, link->fd_count * sizeof(*link->fds));
    return link->ops->arena(link->opaque, fd, &arena);
}

static const char *link_receive_response(VgpuStubLink *link, uint64_t sequence,
                                         uint32_t status,
                                         const uint8_t *payload,
                                         uint64_t *value)
{
    struct vgpu_stub_wire_qresponse response;

    memcpy(&response, payload, sizeof(response));
    response.context = le64_to_cpu(response.context);
    response.response_length = le32_to_cpu(response.response_length);
    response.bulk_moved = le32_to_cpu(response.bulk_moved);
    if (!vgpu_stub_error_is_listed(status)) {
        *value = status;
        return "status in QRESPONSE";
    }
    *value = sequence;
    return link->ops->queue_response(link->opaque, sequence, status,
                                     &response);
}

static const char *link_receive_refused(VgpuStubLink *link, uint32_t status,
                                        uint64_t context, uint64_t *value)
{
    if (!status || !vgpu_stub_error_is_listed(status)) {
        *value = status;
        return "status in REFUSED";
    }
    return link->ops->refused(link->opaque, context, status);
}

const char *vgpu_stub_link_receive_queue(
    VgpuStubLink *link, const struct vgpu_stub_wire_header *header,
    const uint8_t *payload, uint64_t *value)
{
    uint16_t type = le16_to_cpu(header->type);
    uint32_t length = le32_to_cpu(header->length);
    uint32_t status = le32_to_cpu(header->status);
    struct vgpu_stub_wire_context context;

    if (length != sizeof(context)) {
        *value = length;
        return "length of a message of the queue";
    }
    memcpy(&context, payload, sizeof(context));
    *value = le64_to_cpu(context.context);
    switch (type) {
    case VGPU_STUB_MSG_ARENA:
        return link_receive_arena(link, payload, value);
    case VGPU_STUB_MSG_REFUSED:
        return link_receive_refused(link, status, *value, value);
    case VGPU_STUB_MSG_CLOSED:
        return link->ops->closed(link->opaque, *value);
    case VGPU_STUB_MSG_QRESPONSE:
        return link_receive_response(link, le64_to_cpu(header->sequence),
                                     status, payload, value);
    default:
        *value = type;
        return "message that only a device sends, type";
    }
}
