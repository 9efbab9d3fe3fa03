/*
 * sst-device: the connection to the simulator
 *
 * The chardev works in a GMainContext of the link's own. A virtual CPU that
 * waits for an answer runs that context itself, which takes no other thread:
 * in QEMU's main context an answer would wake the main loop first. While nobody
 * waits, a timer of the main loop runs the context now and then, for
 * connections that come and go.
 *
 * The simulator is not trusted: whatever it sends, QEMU goes on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "sysemu/cpus.h"
#include "sysemu/runstate.h"
#include "link.h"
#include "trace/trace-hw_misc_sst_device.h"

#define TICK_MS             100
#define ATTENTIVE_TICK_MS   1   /* where the simulator may send by itself */
/* A tick ends even when a simulator connects and breaks rules in a loop. */
#define TICK_MAX_EVENTS     16
#define SPIN_US             50
#define SLEEPS_AFTER_SPIN   100
#define SEND_POLL_US        100
#define RECEIVE_SIZE        4096
#define COMPLAINT_PERIOD_US G_USEC_PER_SEC

/* What the user is told */

/* A simulator that comes and goes in a loop must not fill the user's log. */
static void link_complain(SstLink *link, const char *why)
{
    int64_t now = g_get_monotonic_time();

    trace_sst_link_failed(link->name, why);
    if (link->complained ||
        (link->complained_at &&
         now - link->complained_at < COMPLAINT_PERIOD_US)) {
        return;
    }
    link->complained = true;
    link->complained_at = now;
    warn_report("sst-device %s: %s; until the simulator is back, reads give "
                "all ones and writes are dropped", link->name, why);
}

static void link_praise(SstLink *link)
{
    if (link->complained) {
        link->complained = false;
        info_report("sst-device %s: the simulator is back", link->name);
    }
}

/* Losing the connection */

static void link_forget_requests(SstLink *link)
{
    link->received_len = 0;
    if (link->question == SST_LINK_ASKED) {
        link->question = SST_LINK_NONE;
    }
    while (link->posted) {
        link->posted--;
        link->ops->posted(link->opaque, NULL);
    }
}

static void link_down(SstLink *link, const char *why)
{
    link->open = false;
    link_complain(link, why);
    link_forget_requests(link);
    link->ops->interrupt(link->opaque, NULL);
}

static void G_GNUC_PRINTF(2, 3) link_lose(SstLink *link, const char *fmt, ...)
{
    g_autofree char *why = NULL;
    va_list ap;

    va_start(ap, fmt);
    why = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    link_down(link, why);
    qemu_chr_fe_disconnect(&link->chr);
}

static void link_lose_late(SstLink *link)
{
    link_lose(link, "no answer within %" PRIu32 " ms", link->timeout_ms);
}

/* Receiving: these run in the link's context */

static void link_take_answer(SstLink *link)
{
    SstAnswer answer;
    g_autofree char *wrong = link->format->decode(link->received, &answer);

    if (wrong) {
        link_lose(link, "%s", wrong);
    } else if (link->posted) {
        link->posted--;
        link->posted_since = g_get_monotonic_time();
        link->ops->posted(link->opaque, &answer);
    } else if (link->question == SST_LINK_ASKED) {
        link->question = SST_LINK_ANSWERED;
        link->answer = answer;
    } else {
        link_lose(link, "an answer came that answers nothing");
    }
}

static bool link_take_interrupt(SstLink *link)
{
    SstInterrupt interrupt;

    if (!link->takes_interrupts ||
        !link->format->decode_interrupt(link->received, &interrupt)) {
        return false;
    }
    link->interrupts++;
    link->idle_unsaid = true;
    link->ops->interrupt(link->opaque, &interrupt);
    return true;
}

static void link_receive(void *opaque, const uint8_t *buf, int size)
{
    SstLink *link = opaque;

    while (size > 0 && link->open) {
        int part = MIN(size, link->format->answer_size - link->received_len);

        if (!link->posted && link->question != SST_LINK_ASKED &&
            !link->takes_interrupts) {
            link_lose(link, "%d bytes came that answer nothing", size);
            return;
        }
        memcpy(link->received + link->received_len, buf, part);
        link->received_len += part;
        buf += part;
        size -= part;
        if (link->received_len == link->format->answer_size) {
            link->received_len = 0;
            if (!link_take_interrupt(link)) {
                link_take_answer(link);
            }
        }
    }
}

static int link_can_receive(void *opaque G_GNUC_UNUSED)
{
    return RECEIVE_SIZE;
}

static void link_event(void *opaque, QEMUChrEvent event)
{
    SstLink *link = opaque;

    switch (event) {
    case CHR_EVENT_OPENED:
        trace_sst_link_opened(link->name);
        link->open = true;
        link->expected = false;
        link->interrupts = 0;
        link->idle_unsaid = true;
        link->ops->interrupt(link->opaque, NULL);
        link_praise(link);
        break;
    case CHR_EVENT_CLOSED:
        if (link->open) { /* else it is us who closed it */
            link_down(link, link->received_len
                            ? "the simulator ended in the middle of an answer"
                            : "the simulator closed the connection");
        }
        break;
    default:
        break;
    }
}

/* Waiting */

static int64_t link_deadline(SstLink *link)
{
    return g_get_monotonic_time() + link->timeout_ms * INT64_C(1000);
}

static gboolean link_alarm(GSource *alarm, GSourceFunc callback G_GNUC_UNUSED,
                           void *opaque G_GNUC_UNUSED)
{
    g_source_set_ready_time(alarm, -1);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs link_alarm_funcs = { .dispatch = link_alarm };

/* The link whose context this thread runs: a poll function is not told. */
static __thread SstLink *link_waiting;

/*
 * Most answers come sooner than a thread that sleeps would wake up. When one
 * does not, or the simulator needs this processor, the next waits are sleeps.
 */
static gint link_spin(SstLink *link, GPollFD *fds, guint count)
{
    int64_t end;
    gint ready;

    if (link->sleeps) {
        link->sleeps--;
        return 0;
    }
    end = g_get_monotonic_time() + SPIN_US;
    do {
        ready = g_poll(fds, count, 0);
    } while (ready == 0 && g_get_monotonic_time() < end);
    if (ready == 0) {
        link->sleeps = SLEEPS_AFTER_SPIN;
    }
    return ready;
}

/*
 * Without the big lock other threads would hardly ever get it from a CPU that
 * does nothing but access the device. Other threads than a virtual CPU's may be
 * in the middle of something, and keep it.
 */
static gint link_poll(GPollFD *fds, guint count, gint timeout)
{
    gint ready;
    int error;

    if (timeout == 0 || !qemu_in_vcpu_thread()) {
        return g_poll(fds, count, timeout);
    }
    qemu_mutex_unlock_iothread();
    ready = link_spin(link_waiting, fds, count);
    if (ready == 0) {
        ready = g_poll(fds, count, timeout);
    }
    error = errno;
    qemu_mutex_lock_iothread();
    errno = error;
    return ready;
}

/*
 * Let the chardev work until something has happened; false: @deadline is over.
 * An alarm that an earlier wait has left behind wakes this one early, which is
 * cheaper than setting it each time.
 */
static bool link_wait(SstLink *link, int64_t deadline)
{
    int64_t alarm = g_source_get_ready_time(link->alarm);

    if (g_get_monotonic_time() >= deadline) {
        return false;
    }
    if (alarm < 0 || alarm > deadline) {
        g_source_set_ready_time(link->alarm, deadline);
    }
    link_waiting = link;
    g_main_context_iteration(link->context, TRUE);
    return true;
}

/*
 * True when there is a connection. Software is often up before the simulator:
 * the first access waits for it, once. A chardev's first attempt to connect
 * ends in the main loop: only a thread that lends the lock can wait for that.
 */
static bool link_connected(SstLink *link, int64_t deadline)
{
    if (!link->open && link->expected && qemu_in_vcpu_thread()) {
        trace_sst_link_await(link->name);
        while (!link->open && link_wait(link, deadline)) {
            /* not yet */
        }
        link->expected = false;
    }
    if (!link->open) {
        link_complain(link, "there is no simulator");
    }
    return link->open;
}

/* Only the thread that is in here runs the context and has a question. */
static void link_enter(SstLink *link)
{
    while (link->busy) {
        qemu_cond_wait_iothread(&link->idle);
    }
    link->busy = true;
}

static void link_leave(SstLink *link)
{
    link->busy = false;
    qemu_cond_signal(&link->idle);
}

/* Sending */

/*
 * No request meets a full socket unless the simulator's side does not read:
 * there is no need to be quick then.
 */
static bool link_send(SstLink *link, const SstRequest *request,
                      int64_t deadline)
{
    uint8_t bytes[SST_WIRE_MAX_SIZE];
    size_t sent = 0;

    link->idle_unsaid = true;
    link->format->encode(request, bytes);
    while (sent < link->format->request_size) {
        int n = qemu_chr_fe_write(&link->chr, bytes + sent,
                                  link->format->request_size - sent);

        if (n > 0) {
            sent += n;
        } else if (n < 0 && errno != EAGAIN) {
            link_lose(link, "a request could not be sent");
            return false;
        } else if (g_get_monotonic_time() >= deadline) {
            link_lose(link, "no request taken within %" PRIu32 " ms",
                      link->timeout_ms);
            return false;
        } else {
            g_usleep(SEND_POLL_US);
        }
    }
    return true;
}

static bool link_ask(SstLink *link, const SstRequest *request,
                     int64_t deadline)
{
    if (!link_connected(link, deadline) ||
        !link_send(link, request, deadline)) {
        return false;
    }
    link->question = SST_LINK_ASKED;
    while (link->question == SST_LINK_ASKED) {
        if (!link_wait(link, deadline)) {
            link_lose_late(link);
        }
    }
    return link->question == SST_LINK_ANSWERED;
}

/* Wait until at most @most posted writes are without an answer. */
static void link_settle(SstLink *link, unsigned most, int64_t deadline)
{
    while (link->posted > most) {
        if (!link_wait(link, deadline)) {
            link_lose_late(link);
        }
    }
}

static bool link_post(SstLink *link, const SstRequest *request,
                      int64_t deadline)
{
    if (link->posted == SST_LINK_MAX_POSTED) {
        /* The half: answers are then received many at a time. */
        link_settle(link, SST_LINK_MAX_POSTED / 2, deadline);
    }
    if (!link_connected(link, deadline) ||
        !link_send(link, request, deadline)) {
        return false;
    }
    if (!link->posted) {
        link->posted_since = g_get_monotonic_time();
    }
    link->posted++;
    return true;
}

/* Whether there is something to say since the last report */
static bool link_is_idle_anew(const SstLink *link, int64_t now)
{
    return link->reports_idle && link->open &&
           (link->idle_unsaid || now >= link->idle_until) &&
           runstate_is_running() && all_cpu_threads_idle();
}

/* When nothing but an interrupt lets software go on, say so, once. */
static void link_report_idle(SstLink *link)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    SstIdle idle = { .interrupts = link->interrupts };
    uint8_t bytes[SST_WIRE_MAX_SIZE];
    int64_t ns;
    int n;

    if (!link_is_idle_anew(link, now)) {
        return;
    }
    ns = qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_ALL);
    idle.ns = ns < 0 ? SST_MMIO_IDLE_NEVER : (uint64_t)ns;
    link->format->encode_idle(&idle, bytes);
    n = qemu_chr_fe_write(&link->chr, bytes, link->format->request_size);
    if (n == (int)link->format->request_size) {
        link->idle_unsaid = false;
        link->idle_until = ns < 0 ? INT64_MAX : now + ns;
        trace_sst_link_idle(link->name, idle.ns, idle.interrupts);
    } else if (n > 0 || errno != EAGAIN) {
        link_lose(link, "a message could not be sent");
    }
}

/* In the main loop */

static void link_set_tick(SstLink *link)
{
    timer_mod(&link->tick, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                           (link->takes_interrupts ? ATTENTIVE_TICK_MS
                                                   : TICK_MS));
}

static void link_tick(void *opaque)
{
    SstLink *link = opaque;
    int64_t limit = link->timeout_ms * INT64_C(1000);

    if (!link->busy) {
        for (int i = 0; i < TICK_MAX_EVENTS; i++) {
            if (!g_main_context_iteration(link->context, FALSE)) {
                break;
            }
        }
        if (link->posted &&
            g_get_monotonic_time() - link->posted_since >= limit) {
            link_lose_late(link);
        }
        link_report_idle(link);
    }
    link_set_tick(link);
}

/* For the device */

bool sst_link_ask(SstLink *link, const SstRequest *request, SstAnswer *answer)
{
    bool answered;

    link_enter(link);
    answered = link_ask(link, request, link_deadline(link));
    if (answered) {
        *answer = link->answer;
    }
    link_leave(link);
    return answered;
}

bool sst_link_post(SstLink *link, const SstRequest *request)
{
    bool sent;

    link_enter(link);
    sent = link_post(link, request, link_deadline(link));
    link_leave(link);
    return sent;
}

void sst_link_settle(SstLink *link)
{
    link_enter(link);
    link_settle(link, 0, link_deadline(link));
    link_leave(link);
}

void sst_link_open(SstLink *link, const SstLinkOps *ops, void *opaque)
{
    link->ops = ops;
    link->opaque = opaque;
    link->expected = true;
    qemu_cond_init(&link->idle);
    link->context = g_main_context_new();
    g_main_context_set_poll_func(link->context, link_poll);
    link->alarm = g_source_new(&link_alarm_funcs, sizeof(GSource));
    g_source_attach(link->alarm, link->context);
    qemu_chr_fe_set_handlers(&link->chr, link_can_receive, link_receive,
                             link_event, NULL, link, link->context, true);
    timer_init_ms(&link->tick, QEMU_CLOCK_REALTIME, link_tick, link);
    link_set_tick(link);
}
