/*
 * A worker's process: what a gate says, which speaks for a worker elsewhere
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-process-private.h"

#include <string.h>

/* Is somebody there? */
static gboolean process_beat(gpointer opaque)
{
    WorkerProcess *process = opaque;
    const WireHeader ping = { .type = VGPU_STUB_MSG_PING };

    if (g_get_monotonic_time() - process->heard <
        WORKER_SILENCE_S * G_TIME_SPAN_SECOND) {
        channel_send(process->channel, &ping, NULL);
        return G_SOURCE_CONTINUE;
    }
    process->heartbeat = 0;
    if (process->why == NULL) {
        process->why = g_strdup_printf("%s: nothing was heard of it for %d s",
                                       process->place, WORKER_SILENCE_S);
    }
    worker_process_close(process);
    worker_process_fail(process);
    return G_SOURCE_REMOVE;
}

bool worker_process_greet(WorkerProcess *process, const WireHeader *header,
                          const uint8_t *payload, GError **error)
{
    static const char allowed[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS
                                  ".-_";
    struct worker_hello hello;

    if (header->length != sizeof(hello)) {
        return wire_violation(error, "HELLO of %u bytes", header->length);
    }
    memcpy(&hello, payload, sizeof(hello));
    if (GUINT32_FROM_LE(hello.version) != WORKER_STREAM_VERSION) {
        return wire_violation(error, "version %u of the protocol, %u is "
                              "needed", GUINT32_FROM_LE(hello.version),
                              WORKER_STREAM_VERSION);
    }
    if (hello.place[0] == '\0' ||
        hello.place[sizeof(hello.place) - 1] != '\0' ||
        hello.place[strspn(hello.place, allowed)] != '\0') {
        return wire_violation(error, "a place whose name is none");
    }
    g_free(process->place);
    process->place = g_strdup(hello.place);
    process->heartbeat = g_timeout_add_seconds(WORKER_PING_S, process_beat,
                                               process);
    return true;
}

void worker_process_tell_owner(WorkerProcess *process, const char *vm,
                               uint64_t context)
{
    const size_t length = MIN(strlen(vm), WORKER_OWNER_MAX);
    uint8_t payload[sizeof(struct worker_owner) + WORKER_OWNER_MAX];
    const struct worker_owner owner = { .context = GUINT64_TO_LE(context) };
    const WireHeader header = {
        .type = WORKER_MSG_OWNER, .length = sizeof(owner) + length,
    };

    g_assert(process->ready && !process->shares);
    if (process->place != NULL && process->channel != NULL) {
        memcpy(payload, &owner, sizeof(owner));
        memcpy(payload + sizeof(owner), vm, length);
        channel_send(process->channel, &header, payload);
    }
}

/* The worker has ended there, by itself. */
static bool process_end_there(WorkerProcess *process,
                              const WireHeader *header,
                              const uint8_t *payload, GError **error)
{
    const char *text = (const char *)payload;

    if (header->length == 0 || header->length > WORKER_GONE_MAX ||
        !g_utf8_validate(text, header->length, NULL)) {
        return wire_violation(error, "GONE of %u bytes", header->length);
    }
    g_free(process->why);
    process->why = g_strndup(text, header->length);
    for (char *byte = process->why; *byte != '\0'; byte++) {
        if (g_ascii_iscntrl(*byte)) {
            *byte = '?';
        }
    }
    process->blamed = true;
    worker_process_fail(process);
    return true;
}

/* The first of those that are on their way is there, with its bytes. */
static bool process_came(WorkerProcess *process, const WireHeader *header,
                         GError **error)
{
    if (process->came == process->asked ||
        header->request_id != process->came + 1) {
        return wire_violation(error, "CAME of request %u", header->request_id);
    }
    process->handlers->came(process->opaque,
                            process->came++ - process->answered);
    return true;
}

/* The first of those that are there has been executed. */
static bool process_computed(WorkerProcess *process, const WireHeader *header,
                             GError **error)
{
    if (process->computed == process->came ||
        header->request_id != process->computed + 1) {
        return wire_violation(error, "COMPUTED of request %u",
                              header->request_id);
    }
    process->handlers->computed(process->opaque,
                                process->computed++ - process->answered);
    return true;
}

bool worker_process_gate_says(WorkerProcess *process,
                              const WireHeader *header,
                              const uint8_t *payload, GError **error)
{
    if (header->type == VGPU_STUB_MSG_PONG) {
        return true;
    }
    if (header->type == WORKER_MSG_GONE) {
        return process_end_there(process, header, payload, error);
    }
    if (header->type == WORKER_MSG_DATA && process->carrier != NULL) {
        return carrier_take(process->carrier, header, payload, error);
    }
    if (header->type == WORKER_MSG_CAME && process->carrier != NULL) {
        return process_came(process, header, error);
    }
    if (header->type == WORKER_MSG_COMPUTED && process->carrier != NULL) {
        return process_computed(process, header, error);
    }
    return wire_violation(error, "a message of type %u", header->type);
}
