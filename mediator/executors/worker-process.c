/*
 * A worker's process, and the socket on which it gets its requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-process-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker-output.h"

void worker_process_end(WorkerProcess *process)
{
    if (process->child != NULL) {
        starter_kill(process->child);
    }
}

void worker_process_fail(WorkerProcess *process)
{
    if (!process->over) {
        process->over = true;
        worker_process_end(process);
        process->handlers->failed(process->opaque);
    }
}

/* Can what has come with @header be an answer? */
static bool check_answer(const WorkerProcess *process,
                         const WireHeader *header, GError **error)
{
    const bool queued = header->type == VGPU_STUB_MSG_QRESPONSE;

    if (queued != process->shares) {
        return wire_violation(error, "a message of type %u", header->type);
    }
    if (process->answered == process->came) {
        return wire_violation(error, "an answer to no request");
    }
    if (header->request_id != process->answered + 1) {
        return wire_violation(error, "an answer to request %u, not %u",
                         header->request_id, process->answered + 1);
    }
    if (!vgpu_stub_error_is_listed(header->status)) {
        return wire_violation(error, "an answer with status 0x%x", header->status);
    }
    return true;
}

static bool check_response(const WireHeader *header, const uint8_t *payload,
                           GError **error)
{
    struct vgpu_stub_response response;

    if (header->length < sizeof(response) ||
        header->length > VGPU_STUB_MAX_RESPONSE) {
        return wire_violation(error, "an answer of %u bytes, %zu to %d are allowed",
                         header->length, sizeof(response),
                         VGPU_STUB_MAX_RESPONSE);
    }
    memcpy(&response, payload, sizeof(response));
    if (header->status != GUINT32_FROM_LE(response.status)) {
        return wire_violation(error, "an answer with status 0x%x and 0x%x",
                         header->status, GUINT32_FROM_LE(response.status));
    }
    return true;
}

static bool process_memory(WorkerProcess *process, const WireHeader *header,
                           const uint8_t *payload, GError **error)
{
    struct worker_memory memory;

    if (header->length != sizeof(memory)) {
        return wire_violation(error, "MEMORY of %u bytes", header->length);
    }
    memcpy(&memory, payload, sizeof(memory));
    return process->handlers->memory(process->opaque,
                                     GUINT64_FROM_LE(memory.held),
                                     GUINT64_FROM_LE(memory.wanted), error);
}

/* As a WorkerAnswer's */
static int64_t process_took(const WorkerProcess *process,
                            const WireHeader *header)
{
    return process->place == NULL ? 0 : CLAMP(header->sequence, 1,
                                              (uint64_t)G_MAXINT64);
}

static void process_count_answer(WorkerProcess *process)
{
    if (process->computed == process->answered) {
        process->computed++;
    }
    process->answered++;
}

static bool process_response(WorkerProcess *process, const WireHeader *header,
                             const uint8_t *payload, GError **error)
{
    if (!check_answer(process, header, error) ||
        !check_response(header, payload, error)) {
        return false;
    }
    process_count_answer(process);
    return process->handlers->answer(process->opaque, &(WorkerAnswer) {
        .status = header->status,
        .response = payload,
        .length = header->length,
        .took = process_took(process, header),
    }, error);
}

static bool process_qresponse(WorkerProcess *process,
                              const WireHeader *header,
                              const uint8_t *payload, GError **error)
{
    struct vgpu_stub_wire_qresponse response;

    if (!check_answer(process, header, error)) {
        return false;
    }
    if (header->length != sizeof(response)) {
        return wire_violation(error, "QRESPONSE of %u bytes", header->length);
    }
    memcpy(&response, payload, sizeof(response));
    process_count_answer(process);
    return process->handlers->answer(process->opaque, &(WorkerAnswer) {
        .status = header->status,
        .length = GUINT32_FROM_LE(response.response_length),
        .bulk_moved = GUINT32_FROM_LE(response.bulk_moved),
        .took = process_took(process, header),
    }, error);
}

/* --- What it says --- */

static bool process_hello(WorkerProcess *process, const WireHeader *header,
                          const uint8_t *payload, GError **error)
{
    if (header->type != VGPU_STUB_MSG_HELLO ||
        (process->place == NULL && header->length != 0)) {
        return wire_violation(error, "something before HELLO");
    }
    if (process->place != NULL &&
        !worker_process_greet(process, header, payload, error)) {
        return false;
    }
    process->ready = true;
    process->handlers->ready(process->opaque);
    return true;
}

static bool process_message(gpointer opaque, const WireHeader *header,
                            const uint8_t *payload, GError **error)
{
    WorkerProcess *process = opaque;

    process->heard = g_get_monotonic_time();
    if (process->over) {
        return true;
    }
    if (!process->ready) {
        return process_hello(process, header, payload, error);
    }
    switch (header->type) {
    case VGPU_STUB_MSG_RESPONSE:
        return process_response(process, header, payload, error);
    case VGPU_STUB_MSG_QRESPONSE:
        return process_qresponse(process, header, payload, error);
    case WORKER_MSG_MEMORY:
        return process_memory(process, header, payload, error);
    default:
        if (process->place != NULL) {
            return worker_process_gate_says(process, header, payload, error);
        }
        return wire_violation(error, "a message of type %u", header->type);
    }
}

void worker_process_close(WorkerProcess *process)
{
    g_clear_handle_id(&process->heartbeat, g_source_remove);
    g_clear_pointer(&process->carrier, carrier_free);
    g_clear_pointer(&process->channel, channel_free);
}

static void process_closed(gpointer opaque, const GError *error)
{
    WorkerProcess *process = opaque;

    worker_process_close(process);
    if (!process->over && error->domain == WIRE_ERROR) {
        process->why = g_strdup_printf("killed, it sent %s", error->message);
    }
    worker_process_fail(process);
}

static void process_drained(gpointer opaque)
{
    WorkerProcess *process = opaque;

    if (process->carrier != NULL) {
        carrier_go_on(process->carrier);
    }
}

/* --- Its life --- */

/* How it ended by itself; @status is what wait() says. */
static char *describe_exit(int status)
{
    if (WIFSIGNALED(status)) {
        return g_strdup_printf("died by signal %d (%s)", WTERMSIG(status),
                               strsignal(WTERMSIG(status)));
    }
    return g_strdup_printf("exited with status %d", WEXITSTATUS(status));
}

/* Why its process is no more */
static char *process_describe(const WorkerProcess *process, int status,
                              const char *failure)
{
    g_autofree char *how = failure != NULL ? g_strdup(failure)
                                           : describe_exit(status);

    if (process->place == NULL) {
        return g_steal_pointer(&how);
    }
    return g_strdup_printf("%s: the launcher %s%s%s", process->place, how,
                           process->last != NULL ? ": " : "",
                           process->last != NULL ? process->last : "");
}

static void process_started(gpointer opaque, pid_t pid,
                            uid_t uid G_GNUC_UNUSED)
{
    WorkerProcess *process = opaque;

    process->pid = pid;
}

static void process_said(gpointer opaque, const char *text)
{
    WorkerProcess *process = opaque;

    if (process->place != NULL) {
        g_free(process->last);
        process->last = g_strdup(text);
    }
    process->handlers->said(process->opaque, text);
}

static void process_gone(gpointer opaque, int status, const char *failure)
{
    WorkerProcess *process = opaque;

    process->child = NULL;
    worker_process_fail(process);
    worker_output_free(process->output);
    if (process->why == NULL && !process->told) {
        process->why = process_describe(process, status, failure);
    }
    process->handlers->gone(process->opaque, process->why);
    worker_process_close(process);
    g_free(process->place);
    g_free(process->last);
    g_free(process->why);
    g_free(process);
}

/* With @place, it is started elsewhere. */
static WorkerProcess *process_new(Starter *starter, const char *const *argv,
                                  const char *place,
                                  const WorkerProcessHandlers *handlers,
                                  gpointer opaque, GError **error)
{
    static const ChannelHandlers channel_handlers = {
        .message = process_message,
        .closed = process_closed,
        .drained = process_drained,
    };
    static const StarterHandlers starter_handlers = {
        .started = process_started,
        .gone = process_gone,
    };
    WorkerProcess *process;
    int fds[2], output;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "socketpair: %s", g_strerror(errno));
        return NULL;
    }
    process = g_new0(WorkerProcess, 1);
    process->handlers = handlers;
    process->opaque = opaque;
    process->output = worker_output_new(&output, process_said, process, error);
    if (process->output == NULL) {
        close(fds[0]);
        close(fds[1]);
        g_free(process);
        return NULL;
    }
    g_unix_set_fd_nonblocking(fds[0], TRUE, NULL);
    process->channel = channel_new(fds[0], &channel_handlers, process);
    process->blamed = place == NULL;
    if (place != NULL) {
        process->place = g_strdup(place);
        channel_set_read_size(process->channel, CHANNEL_READ_SIZE_BULK);
    }
    process->child = starter_start(starter, argv, &(StarterFds) {
        .in = fds[1],
        .out = place != NULL ? fds[1] : output,
        .errors = output,
    }, &starter_handlers, process);
    return process;
}

WorkerProcess *worker_process_new(Starter *starter, const char *const *argv,
                                  const WorkerProcessHandlers *handlers,
                                  gpointer opaque, GError **error)
{
    return process_new(starter, argv, NULL, handlers, opaque, error);
}

WorkerProcess *worker_process_launch(Starter *launchers,
                                     const char *const *argv,
                                     const WorkerProcessHandlers *handlers,
                                     gpointer opaque, GError **error)
{
    return process_new(launchers, argv, argv[0], handlers, opaque, error);
}

const char *worker_process_place(const WorkerProcess *process)
{
    return process->place;
}

bool worker_process_is_to_blame(const WorkerProcess *process)
{
    return process->blamed;
}

void worker_process_set_owner(WorkerProcess *process, gpointer opaque)
{
    process->opaque = opaque;
}

pid_t worker_process_pid(const WorkerProcess *process)
{
    return process->pid;
}

guint worker_process_waiting(const WorkerProcess *process)
{
    return process->channel != NULL ? channel_waiting(process->channel) : 0;
}

void worker_process_retire(WorkerProcess *process)
{
    process->over = true;
    process->told = true;
    if (process->channel != NULL) {
        channel_finish(process->channel);
    }
}

void worker_process_kill(WorkerProcess *process, const char *why)
{
    process->over = true;
    process->told = true;
    g_free(process->why);
    process->why = g_strdup(why);
    worker_process_end(process);
}
