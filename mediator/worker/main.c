/*
 * vgpu-worker: executes one VM's requests on an accelerator
 *
 * vgpu-starter starts it, and vgpu-mediatord gives it requests on a socket that
 * is its stdin, as worker-protocol.h says. It trusts the mediator, but not the
 * requests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "closure.h"
#include "output.h"
#include "protocol/worker-protocol.h"
#include "root.h"
#include "sandbox.h"
#include "session.h"

#define NAME "vgpu-worker"

#define EXIT_USAGE 2

static const char description[] =
    "vgpu-mediatord starts it with a socket as its stdin, for each virtual\n"
    "machine that uses an accelerator. With --probe it tries the\n"
    "accelerator, prints its name and exits.\n"
    "\n"
    "Exit status: 0 when it was told to exit, 1 when the accelerator cannot\n"
    "be opened or the mediator makes no sense, 2 when an option is wrong.";

typedef struct Options {
    char *backend;
    int device;
    char *kernels;
    char *root;
    char *make_root;
    gboolean probe;
} Options;

/* Returns false with @error set when the command line is wrong. */
static bool options_parse(Options *options, int *argc, char ***argv,
                          GError **error)
{
    const GOptionEntry entries[] = {
        { "backend", 0, 0, G_OPTION_ARG_STRING, &options->backend,
          "Execute on NAME: cpu, opencl or cuda", "NAME" },
        { "device", 0, 0, G_OPTION_ARG_INT, &options->device,
          "Use the backend's device N, from 0 (default: 0)", "N" },
        { "kernels", 0, 0, G_OPTION_ARG_FILENAME, &options->kernels,
          "Offer the kernels in DIR", "DIR" },
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &options->root,
          "Have no files but those in DIR once the driver is open", "DIR" },
        { "probe", 0, 0, G_OPTION_ARG_NONE, &options->probe,
          "Try the accelerator, show its name and exit", NULL },
        { "make-root", 0, 0, G_OPTION_ARG_FILENAME, &options->make_root,
          "Copy what the driver needs in --root to DIR and exit", "DIR" },
        { 0 }
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_description(context, description);
    if (!g_option_context_parse(context, argc, argv, error)) {
        return false;
    }
    if (*argc > 1) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "Unexpected argument %s", (*argv)[1]);
        return false;
    }
    if (options->backend == NULL || options->kernels == NULL) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "--backend and --kernels have to be given");
        return false;
    }
    if (options->device < 0) {
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "--device is 0 or more");
        return false;
    }
    return true;
}

static void options_clear(Options *options)
{
    g_free(options->backend);
    g_free(options->kernels);
    g_free(options->root);
    g_free(options->make_root);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static bool fail(const char *what, int code, GError **error)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s",
                what, g_strerror(code));
    return false;
}

/*
 * Take the socket off stdin, where a driver or what it starts could get at
 * it. Returns it, or -1.
 */
static int take_socket(GError **error)
{
    int socket = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (socket < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0) {
        fail("stdin", errno, error);
        return -1;
    }
    close(null);
    return socket;
}

/*
 * Receive @size bytes. At the end of the stream returns false without an
 * error.
 */
static bool receive(int socket, uint8_t *bytes, size_t size, GError **error)
{
    while (size > 0) {
        ssize_t received = recv(socket, bytes, size, 0);

        if (received < 0 && errno == EINTR) {
            continue;
        }
        if (received <= 0) {
            return received < 0 && fail("receive", errno, error);
        }
        bytes += received;
        size -= received;
    }
    return true;
}

static bool transmit(int socket, const WireHeader *header,
                     const uint8_t *payload, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    size_t sent = 0;

    wire_append(bytes, header, payload);
    while (sent < bytes->len) {
        ssize_t size = send(socket, bytes->data + sent, bytes->len - sent,
                            MSG_NOSIGNAL);

        if (size < 0 && errno != EINTR) {
            return fail("send", errno, error);
        }
        sent += MAX(size, 0);
    }
    return true;
}

/* What comes from the mediator */
typedef struct Message {
    WireHeader header;
    struct worker_limits limits;        /* of a request, as on the wire */
    uint8_t request[VGPU_STUB_MAX_REQUEST];
    size_t length;                      /* of the request, in bytes */
} Message;

/* Does the mediator say what worker-protocol.h allows it to? */
static bool check_message(const WireHeader *header, GError **error)
{
    const bool request = header->type == VGPU_STUB_MSG_REQUEST;
    const uint32_t least = request ? sizeof(struct worker_limits) : 0;
    const uint32_t most = least + (request ? VGPU_STUB_MAX_REQUEST : 0);

    if ((!request && header->type != VGPU_STUB_MSG_RESET) ||
        header->length < least || header->length > most) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VIOLATION,
                    "a message of type %u with %u bytes", header->type,
                    header->length);
        return false;
    }
    return true;
}

/* As receive(): the next message */
static bool receive_message(int socket, Message *message, GError **error)
{
    uint8_t raw[sizeof(message->header)];

    if (!receive(socket, raw, sizeof(raw), error) ||
        wire_decode(raw, sizeof(raw), &message->header, error) < 0 ||
        !check_message(&message->header, error)) {
        return false;
    }
    if (message->header.type != VGPU_STUB_MSG_REQUEST) {
        return true;
    }
    message->length = message->header.length - sizeof(message->limits);
    return receive(socket, (uint8_t *)&message->limits,
                   sizeof(message->limits), error) &&
           receive(socket, message->request, message->length, error);
}

static uint32_t answer_flags(const Session *session)
{
    return session_holds_memory(session) ? WORKER_HOLDS_MEMORY : 0;
}

static bool answer(int socket, Session *session, const Message *to,
                   GError **error)
{
    const SessionLimits limits = {
        .memory = GUINT64_FROM_LE(to->limits.memory),
        .guest_kernels = GUINT32_FROM_LE(to->limits.flags) &
                         WORKER_LIMITS_GUEST_KERNELS,
    };
    uint8_t response[VGPU_STUB_MAX_RESPONSE];
    WireHeader header = {
        .type = VGPU_STUB_MSG_RESPONSE,
        .request_id = to->header.request_id,
    };
    gint64 exec_us = 0;
    Reply reply;
    Call call;

    reply_init(&reply, sizeof(response));
    if (call_decode(&call, to->request, to->length, &reply)) {
        session_execute(session, to->header.sequence, &limits, &call, &reply,
                        &exec_us);
    }
    if (session_is_lost(session)) {
        /* Without an answer, so that the request is the one to blame. */
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                    "the accelerator failed: %.*s", (int)reply.data_length,
                    (const char *)reply.body);
        return false;
    }
    header.length = reply_encode(&reply, CLAMP(exec_us, 0, G_MAXUINT32),
                                 response);
    header.status = reply.status;
    header.flags = answer_flags(session);
    return transmit(socket, &header, response, error);
}

static bool end_context(int socket, Session *session, uint64_t context,
                        GError **error)
{
    WireHeader header = { .type = VGPU_STUB_MSG_RESET, .sequence = context };

    session_release(session, context);
    header.flags = answer_flags(session);
    return transmit(socket, &header, NULL, error);
}

static bool obey(int socket, Session *session, const Message *message,
                 GError **error)
{
    if (message->header.type == VGPU_STUB_MSG_RESET) {
        return end_context(socket, session, message->header.sequence, error);
    }
    return answer(socket, session, message, error);
}

/* Serve until the mediator wants no more; false on an error. */
static bool serve(int socket, Session *session, GError **error)
{
    const WireHeader hello = { .type = VGPU_STUB_MSG_HELLO };
    GError *failure = NULL;
    Message message;

    if (transmit(socket, &hello, NULL, &failure)) {
        while (receive_message(socket, &message, &failure) &&
               obey(socket, session, &message, &failure)) {
        }
    }
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return false;
    }
    return true;
}

/* What the process was started for, with the driver open */
static bool work(const Options *options, int socket, Session *session,
                 Closure *closure, GError **error)
{
    g_autofree char *line = NULL;

    if (options->make_root != NULL) {
        return root_make(options->make_root, error);
    }
    if (!sandbox_enter(options->backend, closure, error)) {
        return false;
    }
    if (!options->probe) {
        return serve(socket, session, error);
    }
    if (!session_try(session, error)) {
        return false;
    }
    /* stdio looks at its files first, which the sandbox may not allow. */
    line = g_strconcat(session_device_name(session), "\n", NULL);
    return write(STDOUT_FILENO, line, strlen(line)) >= 0 ||
           fail("stdout", errno, error);
}

static bool run(const Options *options, GError **error)
{
    SessionOptions session_options = {
        .backend = options->backend,
        .device = options->device,
        .kernels = options->kernels,
        .closed = options->root != NULL,
    };
    const bool serves = !options->probe && options->make_root == NULL;
    const int socket = serves ? take_socket(error) : -1;
    g_autoptr(Output) output = NULL;
    Closure *closure = NULL;
    Session *session;
    bool good;

    if (serves) {
        output = socket < 0 ? NULL : output_new(error);
        if (output == NULL) {
            return false;
        }
        session_options.output = output;
    }
    if (options->root != NULL) {
        closure = closure_new(options->root, error);
        if (closure == NULL) {
            return false;
        }
    }
    /* Before there is a driver, and threads of its */
    if (!closure_drop_capabilities(error)) {
        return false;
    }
    session = session_new(&session_options, error);
    if (session == NULL) {
        return false;
    }
    good = work(options, socket, session, closure, error);
    session_free(session);
    return good;
}

int main(int argc, char **argv)
{
    g_auto(Options) options = { 0 };
    g_autoptr(GError) error = NULL;

    /* No other worker looks into it, nor writes, while it starts. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    g_set_prgname(NAME);
    if (!options_parse(&options, &argc, &argv, &error)) {
        fprintf(stderr, NAME ": %s (see --help)\n", error->message);
        return EXIT_USAGE;
    }
    if (!run(&options, &error)) {
        fprintf(stderr, NAME ": %s\n", error->message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
