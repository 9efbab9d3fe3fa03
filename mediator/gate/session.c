/*
 * A worker here, for a mediator at the other end of a stream
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "attribution.h"
#include "executors/worker-process.h"
#include "protocol/carrier.h"

/*
 * Bytes that may wait for a worker which does not read: much more than a request
 * in each place of an arena, or what a mailbox has at once
 */
#define WAITING_MAX (1u << 20)

typedef struct Session {
    Channel *channel;           /* NULL: it has ended */
    WorkerProcess *worker;      /* NULL: it is no more */
    bool ready;                 /* the worker takes requests */
    bool limited;               /* and has LIMITS for them */
    char *owner;                /* whom it is for, as the log has it; NULL: nobody
                                 * yet */
    Arena *arena;               /* NULL: it is a mailbox's context, or none yet */
    Carrier *carrier;           /* of the arena */
    uint64_t context;
    GQueue queued;              /* WireQrequest, without an answer */
    uint32_t asked;             /* requests … */
    uint32_t answered;          /* … and those that were answered */
    gint64 begun;               /* monotonic, µs: the first without an answer */
    gint64 heard;               /* the same: what was said last */
    char *gone;                 /* how the worker has ended by itself */
    GError *failure;
} Session;

/* --- How it ends --- */

/* The stream is over: so is the worker. */
static void session_end(Session *session)
{
    g_clear_pointer(&session->carrier, carrier_free);
    g_clear_pointer(&session->channel, channel_free);
    if (session->worker != NULL) {
        session->ready = false;
        worker_process_kill(session->worker, NULL);
    }
}

static void session_fail(Session *session, const GError *error)
{
    if (session->failure == NULL) {
        session->failure = g_error_copy(error);
    }
    session_end(session);
}

/* Tell the other side how the worker has ended, after all that it has said. */
static void session_tell_gone(Session *session)
{
    const WireHeader header = {
        .type = WORKER_MSG_GONE,
        .length = MIN(strlen(session->gone), WORKER_GONE_MAX),
    };

    if (session->channel == NULL ||
        (session->carrier != NULL && carrier_waits(session->carrier))) {
        return;
    }
    channel_send(session->channel, &header, session->gone);
    g_clear_pointer(&session->gone, g_free);
}

/* --- What the mediator says --- */

/* Whether the request with @header may come now; it is counted then. */
static bool check_number(Session *session, const WireHeader *header,
                         GError **error)
{
    if (!session->limited) {
        return wire_violation(error, "a request before LIMITS");
    }
    if (header->request_id != session->asked + 1) {
        return wire_violation(error, "request %u, not %u", header->request_id,
                         session->asked + 1);
    }
    if (session->asked++ == session->answered) {
        session->begun = g_get_monotonic_time();
    }
    return true;
}

static bool session_take_limits(Session *session, const WireHeader *header,
                                const uint8_t *payload, GError **error)
{
    struct worker_limits limits;

    if (header->length != sizeof(limits)) {
        return wire_violation(error, "LIMITS of %u bytes", header->length);
    }
    memcpy(&limits, payload, sizeof(limits));
    session->limited = true;
    worker_process_set_limits(session->worker, &limits);
    return true;
}

static bool session_take_request(Session *session, const WireHeader *header,
                                 const uint8_t *payload, GError **error)
{
    if (session->arena != NULL || header->length == 0 ||
        header->length > VGPU_STUB_MAX_REQUEST) {
        return wire_violation(error, "REQUEST of %u bytes", header->length);
    }
    if (!check_number(session, header, error)) {
        return false;
    }
    worker_process_send(session->worker, payload, header->length);
    return true;
}

static bool session_take_owner(Session *session, const WireHeader *header,
                               const uint8_t *payload, GError **error)
{
    struct worker_owner owner;

    if (session->owner != NULL || session->arena != NULL ||
        session->asked > 0 || header->length <= sizeof(owner) ||
        header->length > sizeof(owner) + WORKER_OWNER_MAX) {
        return wire_violation(error, "OWNER of %u bytes", header->length);
    }
    memcpy(&owner, payload, sizeof(owner));
    session->owner = attribution_describe(
        (const char *)payload + sizeof(owner),
        header->length - sizeof(owner), GUINT64_FROM_LE(owner.context));
    attribution_log_begin(session->owner, worker_process_pid(session->worker));
    return true;
}

static bool session_take_arena(Session *session, const WireHeader *header,
                               const uint8_t *payload, GError **error)
{
    struct vgpu_stub_wire_arena raw;

    if (session->arena != NULL || session->asked > 0 ||
        header->length != sizeof(raw)) {
        return wire_violation(error, "ARENA of %u bytes", header->length);
    }
    memcpy(&raw, payload, sizeof(raw));
    session->arena = arena_new(GUINT32_FROM_LE(raw.small),
                               GUINT32_FROM_LE(raw.large), error);
    if (session->arena == NULL) {
        return false;
    }
    session->context = GUINT64_FROM_LE(raw.context);
    session->carrier = carrier_new(session->channel, session->arena);
    worker_process_share(session->worker, session->context, session->arena);
    return true;
}

/* Tell the other side how far its request @number is. */
static void session_tell(Session *session, uint16_t type, uint32_t number)
{
    const WireHeader header = { .type = type, .request_id = number };

    channel_send_soon(session->channel, &header, NULL, 0, NULL);
}

static bool session_take_queued(Session *session, const WireHeader *header,
                                const uint8_t *payload, GError **error)
{
    WireQrequest queued;

    if (session->arena == NULL) {
        return wire_violation(error, "QREQUEST before ARENA");
    }
    if (!wire_decode_qrequest(payload, header->length, &queued, error) ||
        !arena_check(session->arena, &queued, error) ||
        !check_number(session, header, error)) {
        return false;
    }
    if (header->status == WORKER_TELL) {
        session_tell(session, WORKER_MSG_CAME, header->request_id);
    }
    g_queue_push_tail(&session->queued, g_memdup(&queued, sizeof(queued)));
    worker_process_send_queued(session->worker, &queued);
    return true;
}

static bool session_take_grant(Session *session, const WireHeader *header,
                               const uint8_t *payload, GError **error)
{
    struct worker_grant grant;

    if (header->length != sizeof(grant)) {
        return wire_violation(error, "GRANT of %u bytes", header->length);
    }
    memcpy(&grant, payload, sizeof(grant));
    worker_process_grant(session->worker,
                         header->status == VGPU_STUB_ERR_NONE, &grant);
    return true;
}

static bool session_message(gpointer opaque, const WireHeader *header,
                            const uint8_t *payload, GError **error)
{
    Session *session = opaque;

    session->heard = g_get_monotonic_time();
    if (header->type == VGPU_STUB_MSG_PING) {
        return true;
    }
    if (!session->ready) {
        /* What was on its way when the worker ended */
        return session->gone == NULL && session->worker != NULL
               ? wire_violation(error, "something before HELLO") : true;
    }
    if (worker_process_waiting(session->worker) > WAITING_MAX) {
        return wire_violation(error, "more than the worker takes");
    }
    switch (header->type) {
    case WORKER_MSG_LIMITS:
        return session_take_limits(session, header, payload, error);
    case WORKER_MSG_OWNER:
        return session_take_owner(session, header, payload, error);
    case VGPU_STUB_MSG_REQUEST:
        return session_take_request(session, header, payload, error);
    case VGPU_STUB_MSG_ARENA:
        return session_take_arena(session, header, payload, error);
    case WORKER_MSG_DATA:
        return session->carrier != NULL
               ? carrier_take(session->carrier, header, payload, error)
               : wire_violation(error, "DATA before ARENA");
    case VGPU_STUB_MSG_QREQUEST:
        return session_take_queued(session, header, payload, error);
    case WORKER_MSG_GRANT:
        return session_take_grant(session, header, payload, error);
    default:
        return wire_violation(error, "a message of type %u", header->type);
    }
}

static void session_closed(gpointer opaque, const GError *error)
{
    Session *session = opaque;

    if (error->domain == G_IO_ERROR) {
        session_end(session);
    } else {
        session_fail(session, error);
    }
}

static void session_drained(gpointer opaque)
{
    Session *session = opaque;

    if (session->carrier != NULL) {
        carrier_go_on(session->carrier);
    }
    if (session->gone != NULL) {
        session_tell_gone(session);
    }
}

/* --- What the worker says --- */

static void worker_ready(gpointer opaque)
{
    static const char allowed[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS
                                  ".-_";
    Session *session = opaque;
    struct worker_hello hello = {
        .version = GUINT32_TO_LE(WORKER_STREAM_VERSION),
    };
    const WireHeader header = {
        .type = VGPU_STUB_MSG_HELLO, .length = sizeof(hello),
    };

    session->ready = true;
    /* Before that nothing was to be said. */
    session->heard = g_get_monotonic_time();
    if (gethostname(hello.place, sizeof(hello.place) - 1) != 0 ||
        hello.place[0] == '\0') {
        strcpy(hello.place, "unknown");
    }
    g_strcanon(hello.place, allowed, '-');
    channel_send(session->channel, &header, &hello);
}

/* How long the first request took that has no answer, in µs; the next begins. */
static gint64 session_took(Session *session)
{
    const gint64 now = g_get_monotonic_time();
    const gint64 took = now - session->begun;

    session->begun = now;
    session->answered++;
    return MAX(took, 1);
}

static bool answer_queued(Session *session, WireHeader *header,
                          const WorkerAnswer *answer, GError **error)
{
    g_autofree WireQrequest *queued = g_queue_pop_head(&session->queued);
    const struct vgpu_stub_wire_qresponse payload =
        wire_qresponse(session->context, answer->length, answer->bulk_moved);

    if (!arena_check_answer(queued, answer->length, answer->bulk_moved,
                            error)) {
        return false;
    }
    if (answer->bulk_moved > 0 || carrier_waits(session->carrier)) {
        session_tell(session, WORKER_MSG_COMPUTED, header->request_id);
    }
    header->type = VGPU_STUB_MSG_QRESPONSE;
    header->length = sizeof(payload);
    carrier_send_answer(session->carrier, header, &payload, queued,
                        answer->length, answer->bulk_moved);
    return true;
}

static bool worker_answer(gpointer opaque, const WorkerAnswer *answer,
                          GError **error)
{
    Session *session = opaque;
    const gint64 took = session_took(session);
    WireHeader header = {
        .type = VGPU_STUB_MSG_RESPONSE,
        .length = answer->length,
        .status = answer->status,
        .sequence = took,
        .request_id = session->answered,
    };

    if (session->arena != NULL) {
        return answer_queued(session, &header, answer, error);
    }
    channel_send(session->channel, &header, answer->response);
    return true;
}

static bool worker_memory(gpointer opaque, uint64_t held, uint64_t wanted,
                          GError **error G_GNUC_UNUSED)
{
    Session *session = opaque;
    const struct worker_memory memory = {
        .held = GUINT64_TO_LE(held), .wanted = GUINT64_TO_LE(wanted),
    };
    const WireHeader header = {
        .type = WORKER_MSG_MEMORY, .length = sizeof(memory),
    };

    channel_send(session->channel, &header, &memory);
    return true;
}

/* It is logged by the mediator. */
static void worker_said(gpointer opaque G_GNUC_UNUSED, const char *text)
{
    g_printerr("%s\n", text);
}

static void worker_failed(gpointer opaque)
{
    Session *session = opaque;

    session->ready = false;
}

static void worker_gone(gpointer opaque, const char *why)
{
    Session *session = opaque;

    session->worker = NULL;
    session->ready = false;
    if (why != NULL) {
        session->gone = g_strdup(why);
        session_tell_gone(session);
    }
}

/* --- Its life --- */

/* Both sides have to say something from HELLO on. */
static gboolean session_beat(gpointer opaque)
{
    const WireHeader pong = { .type = VGPU_STUB_MSG_PONG };
    Session *session = opaque;

    if (session->channel == NULL || !session->ready) {
        return G_SOURCE_CONTINUE;
    }
    if (g_get_monotonic_time() - session->heard >=
        WORKER_SILENCE_S * G_TIME_SPAN_SECOND) {
        g_autoptr(GError) error = g_error_new(
            G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
            "nothing was heard of the mediator for %d s", WORKER_SILENCE_S);

        session_fail(session, error);
    } else if (channel_waiting(session->channel) == 0) {
        channel_send(session->channel, &pong, NULL);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean session_signalled(gpointer opaque)
{
    session_end(opaque);
    return G_SOURCE_CONTINUE;
}

/* Is there still something to wait for? */
static bool session_lives(const Session *session)
{
    return session->worker != NULL ||
           (session->channel != NULL &&
            (session->gone != NULL || channel_waiting(session->channel) > 0));
}

static bool session_start(Session *session, Starter *starter,
                          const char *const *argv, int in, int out)
{
    static const ChannelHandlers channel_handlers = {
        .message = session_message,
        .closed = session_closed,
        .drained = session_drained,
    };
    static const WorkerProcessHandlers worker_handlers = {
        .ready = worker_ready,
        .answer = worker_answer,
        .memory = worker_memory,
        .said = worker_said,
        .failed = worker_failed,
        .gone = worker_gone,
    };

    g_unix_set_fd_nonblocking(in, TRUE, NULL);
    g_unix_set_fd_nonblocking(out, TRUE, NULL);
    session->channel = channel_new_pair(in, out, &channel_handlers, session);
    channel_set_read_size(session->channel, CHANNEL_READ_SIZE_BULK);
    session->worker = worker_process_new(starter, argv, &worker_handlers,
                                         session, &session->failure);
    return session->worker != NULL;
}

bool session_serve(Starter *starter, const char *const *argv, int in, int out,
                   GError **error)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
    Session session = { .queued = G_QUEUE_INIT };
    guint sources[G_N_ELEMENTS(signals)];
    guint timer = g_timeout_add_seconds(WORKER_PING_S, session_beat,
                                        &session);

    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        sources[i] = g_unix_signal_add(signals[i], session_signalled,
                                       &session);
    }
    if (session_start(&session, starter, argv, in, out)) {
        while (session_lives(&session)) {
            g_main_context_iteration(NULL, TRUE);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        g_source_remove(sources[i]);
    }
    g_source_remove(timer);
    session_end(&session);
    g_clear_pointer(&session.arena, arena_unref);
    g_queue_foreach(&session.queued, (GFunc)(void (*)(void))g_free, NULL);
    g_queue_clear(&session.queued);
    if (session.owner != NULL) {
        attribution_log_end(session.owner, session.answered);
    }
    g_free(session.owner);
    g_free(session.gone);
    if (session.failure != NULL) {
        g_propagate_error(error, session.failure);
        return false;
    }
    return true;
}
