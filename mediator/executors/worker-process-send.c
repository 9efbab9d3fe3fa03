/*
 * A worker's process: what is sent to it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-process-private.h"

#include <errno.h>
#include <string.h>

/* Unless it has closed its side; that will be heard of. */
static void process_send(WorkerProcess *process, const WireHeader *header,
                         const void *payload)
{
    g_assert(process->ready && !process->over);
    if (process->channel != NULL) {
        channel_send(process->channel, header, payload);
    }
}

void worker_process_set_limits(WorkerProcess *process,
                               const struct worker_limits *limits)
{
    const WireHeader header = {
        .type = WORKER_MSG_LIMITS,
        .length = sizeof(*limits),
    };

    if (!process->limited ||
        memcmp(&process->limits, limits, sizeof(*limits)) != 0) {
        process->limited = true;
        process->limits = *limits;
        if (process->carrier != NULL) {
            /* Not before requests that wait for their bytes to be sent */
            carrier_send_message(process->carrier, &header, limits);
        } else {
            process_send(process, &header, limits);
        }
    }
}

void worker_process_send(WorkerProcess *process, const uint8_t *request,
                         size_t length)
{
    const WireHeader header = {
        .type = VGPU_STUB_MSG_REQUEST,
        .length = length,
        .request_id = ++process->asked,
    };

    g_assert(process->limited && length <= VGPU_STUB_MAX_REQUEST);
    process->came = process->asked;
    process_send(process, &header, request);
}

/* Give it the descriptor of @arena, with the message that is about it. */
static void process_pass(WorkerProcess *process, const WireHeader *header,
                         const struct vgpu_stub_wire_arena *payload,
                         const Arena *arena)
{
    const int fd = arena_open(arena);

    if (fd < 0) {
        g_free(process->why);
        process->why = g_strdup_printf("killed, there is no descriptor for "
                                       "it: %s", g_strerror(errno));
        worker_process_end(process);
    } else {
        channel_send_fd(process->channel, header, payload, fd);
    }
}

void worker_process_share(WorkerProcess *process, uint64_t context,
                          Arena *arena)
{
    const struct vgpu_stub_wire_arena payload =
        wire_arena(context, arena_small(arena), arena_large(arena));
    const WireHeader header = {
        .type = VGPU_STUB_MSG_ARENA,
        .length = sizeof(payload),
    };

    g_assert(process->ready && !process->over && !process->shares);
    process->shares = true;
    if (process->channel == NULL) {
        return;
    }
    if (process->place == NULL) {
        process_pass(process, &header, &payload, arena);
    } else {
        channel_send(process->channel, &header, &payload);
        process->carrier = carrier_new(process->channel, arena);
    }
}

bool worker_process_send_queued(WorkerProcess *process,
                                const WireQrequest *request)
{
    const bool bulk = request->flags & VGPU_STUB_SUBMIT_BULK_FROM_GUEST &&
                      request->bulk_length > 0;
    const bool travels = process->carrier != NULL &&
                         (bulk || process->came != process->asked);
    const WireQrequest payload = {
        .context = GUINT64_TO_LE(request->context),
        .order = GUINT32_TO_LE(request->order),
        .place = GUINT32_TO_LE(request->place),
        .request_length = GUINT32_TO_LE(request->request_length),
        .response_capacity = GUINT32_TO_LE(request->response_capacity),
        .bulk_length = GUINT32_TO_LE(request->bulk_length),
        .flags = GUINT32_TO_LE(request->flags),
    };
    const WireHeader header = {
        .type = VGPU_STUB_MSG_QREQUEST,
        .length = sizeof(payload),
        .status = travels ? WORKER_TELL : 0,
        .request_id = ++process->asked,
    };

    g_assert(process->ready && !process->over && process->shares &&
             process->limited);
    if (!travels) {
        process->came = process->asked;
    }
    if (process->carrier != NULL) {
        carrier_send_request(process->carrier, &header, &payload, request);
    } else if (process->channel != NULL) {
        channel_send_soon(process->channel, &header, &payload,
                          sizeof(payload), NULL);
    }
    return travels;
}

void worker_process_grant(WorkerProcess *process, bool granted,
                          const struct worker_grant *grant)
{
    const WireHeader header = {
        .type = WORKER_MSG_GRANT,
        .length = sizeof(*grant),
        .status = granted ? VGPU_STUB_ERR_NONE : VGPU_STUB_ERR_OUT_OF_MEMORY,
    };

    process_send(process, &header, grant);
}
