/*
 * A worker's process, and the socket on which it gets its requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker-process.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"

struct WorkerProcess {
    GSubprocess *process;
    pid_t pid;                  /* 0: it was gone before we knew */
    Channel *channel;           /* NULL once it is closed */
    const WorkerProcessHandlers *handlers;
    gpointer opaque;
    bool ready;
    bool busy;                  /* has a request */
    uint32_t number;            /* of the latest request */
    unsigned releases;          /* that it has not answered */
    bool over;                  /* only `gone` is to come */
    bool told;                  /* to exit */
    char *why;                  /* what was wrong; NULL for nothing so far */
    char *scratch;              /* its folder; NULL: there is none */
};

static bool G_GNUC_PRINTF(2, 3)
violation(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(WIRE_ERROR,
                                                WIRE_ERROR_VIOLATION, format,
                                                args));
    va_end(args);
    return false;
}

/* Is what has come with @header the answer to the request? */
static bool check_response(const WorkerProcess *process,
                           const WireHeader *header, const uint8_t *payload,
                           GError **error)
{
    struct vgpu_stub_response response;

    if (!process->busy) {
        return violation(error, "an answer to no request");
    }
    if (header->request_id != process->number) {
        return violation(error, "an answer to request %u, not %u",
                         header->request_id, process->number);
    }
    if (header->length < sizeof(response) ||
        header->length > VGPU_STUB_BUF_SIZE) {
        return violation(error, "an answer of %u bytes, %zu to %d are allowed",
                         header->length, sizeof(response),
                         VGPU_STUB_BUF_SIZE);
    }
    memcpy(&response, payload, sizeof(response));
    if (header->status != GUINT32_FROM_LE(response.status) ||
        header->status > VGPU_STUB_ERR_BACKEND_LAST) {
        return violation(error, "an answer with status 0x%x and 0x%x",
                         header->status, GUINT32_FROM_LE(response.status));
    }
    return true;
}

static bool process_released(WorkerProcess *process, const WireHeader *header,
                             GError **error)
{
    if (process->releases == 0 || header->length != 0) {
        return violation(error, "a RESET that answers nothing");
    }
    process->releases--;
    process->handlers->released(process->opaque,
                                header->flags & WORKER_HOLDS_MEMORY);
    return true;
}

static bool process_message(gpointer opaque, const WireHeader *header,
                            const uint8_t *payload, GError **error)
{
    WorkerProcess *process = opaque;

    if (process->over) {
        return true;
    }
    if (!process->ready) {
        if (header->type != VGPU_STUB_MSG_HELLO || header->length != 0) {
            return violation(error, "something before HELLO");
        }
        process->ready = true;
        process->handlers->ready(process->opaque);
        return true;
    }
    if (header->type == VGPU_STUB_MSG_RESET) {
        return process_released(process, header, error);
    }
    if (header->type != VGPU_STUB_MSG_RESPONSE) {
        return violation(error, "a message of type %u", header->type);
    }
    if (!check_response(process, header, payload, error)) {
        return false;
    }
    process->busy = false;
    process->handlers->answer(process->opaque, &(WorkerAnswer) {
        .status = header->status,
        .holds_memory = header->flags & WORKER_HOLDS_MEMORY,
        .response = payload,
        .length = header->length,
    });
    return true;
}

/* It will say nothing more. */
static void process_fail(WorkerProcess *process)
{
    if (!process->over) {
        process->over = true;
        g_subprocess_force_exit(process->process);
        process->handlers->failed(process->opaque);
    }
}

static void process_closed(gpointer opaque, const GError *error)
{
    WorkerProcess *process = opaque;

    g_clear_pointer(&process->channel, channel_free);
    if (!process->over && error->domain == WIRE_ERROR) {
        process->why = g_strdup_printf("killed, it sent %s", error->message);
    }
    process_fail(process);
}

/* --- Its folder --- */

/*
 * For what its driver writes, which a process that is killed leaves there. Also
 * for what the driver has compiled: as a rule drivers keep that in one place
 * for all processes of a user, where a worker that was taken over could put
 * code for those of other VMs.
 */
static char *scratch_new(GSubprocessLauncher *launcher)
{
    static const char *const variables[] = {
        "TMPDIR", "POCL_CACHE_DIR", "CUDA_CACHE_PATH",
    };
    g_autoptr(GError) error = NULL;
    char *path = g_dir_make_tmp("vgpu-worker-XXXXXX", &error);

    if (path == NULL) {
        g_warning("a worker has to do without a folder: %s", error->message);
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(variables); i++) {
        g_subprocess_launcher_setenv(launcher, variables[i], path, TRUE);
    }
    return path;
}

/* By another process, as there may be much in it. */
static void scratch_free(char *path)
{
    char *argv[] = { "rm", "-rf", "--", path, NULL };

    g_spawn_async(NULL, argv, NULL,
                  G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                  NULL, NULL);
    g_free(path);
}

/* --- Its life --- */

/* How it ended by itself */
static char *describe_exit(GSubprocess *process)
{
    if (g_subprocess_get_if_signaled(process)) {
        int signal = g_subprocess_get_term_sig(process);

        return g_strdup_printf("died by signal %d (%s)", signal,
                               strsignal(signal));
    }
    return g_strdup_printf("exited with status %d",
                           g_subprocess_get_exit_status(process));
}

static void process_gone(GObject *object G_GNUC_UNUSED,
                         GAsyncResult *result G_GNUC_UNUSED, gpointer opaque)
{
    WorkerProcess *process = opaque;

    process_fail(process);
    if (process->why == NULL && !process->told) {
        process->why = describe_exit(process->process);
    }
    process->handlers->gone(process->opaque, process->why);
    g_clear_pointer(&process->channel, channel_free);
    g_clear_pointer(&process->scratch, scratch_free);
    g_object_unref(process->process);
    g_free(process->why);
    g_free(process);
}

WorkerProcess *worker_process_new(const char *const *argv,
                                  const WorkerProcessHandlers *handlers,
                                  gpointer opaque, GError **error)
{
    static const ChannelHandlers channel_handlers = {
        .message = process_message,
        .closed = process_closed,
    };
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
    GSubprocess *subprocess;
    WorkerProcess *process;
    const char *pid;
    char *scratch;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "socketpair: %s", g_strerror(errno));
        return NULL;
    }
    g_subprocess_launcher_take_stdin_fd(launcher, fds[1]);
    scratch = scratch_new(launcher);
    subprocess = g_subprocess_launcher_spawnv(launcher, argv, error);
    if (subprocess == NULL) {
        g_clear_pointer(&scratch, scratch_free);
        close(fds[0]);
        return NULL;
    }
    g_unix_set_fd_nonblocking(fds[0], TRUE, NULL);
    process = g_new0(WorkerProcess, 1);
    process->process = subprocess;
    pid = g_subprocess_get_identifier(subprocess);
    process->pid = pid != NULL ? atoi(pid) : 0;
    process->scratch = scratch;
    process->handlers = handlers;
    process->opaque = opaque;
    process->channel = channel_new(fds[0], &channel_handlers, process);
    g_subprocess_wait_async(subprocess, NULL, process_gone, process);
    return process;
}

pid_t worker_process_pid(const WorkerProcess *process)
{
    return process->pid;
}

void worker_process_send(WorkerProcess *process, uint64_t context,
                         const uint8_t *request, size_t length)
{
    const WireHeader header = {
        .type = VGPU_STUB_MSG_REQUEST,
        .length = length,
        .request_id = ++process->number,
        .sequence = context,
    };

    g_assert(process->ready && !process->busy && !process->over);
    process->busy = true;
    if (process->channel != NULL) {
        channel_send(process->channel, &header, request);
    }
}

void worker_process_release(WorkerProcess *process, uint64_t context)
{
    const WireHeader header = {
        .type = VGPU_STUB_MSG_RESET,
        .sequence = context,
    };

    g_assert(process->ready && !process->over);
    process->releases++;
    if (process->channel != NULL) {
        channel_send(process->channel, &header, NULL);
    }
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
    g_subprocess_force_exit(process->process);
}
