/*
 * Simulated time, and what happens when
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "event-queue.h"

struct EventQueue {
    GSequence *events;          /* Event, the next one first */
    guint64 now;
    guint64 added;              /* events so far */
};

struct Event {
    guint64 when;
    guint64 number;             /* orders events of the same time */
    EventFunc func;
    gpointer opaque;
    GDestroyNotify destroy;
    GSequenceIter *place;
};

static void event_free(Event *event)
{
    if (event->destroy != NULL) {
        event->destroy(event->opaque);
    }
    g_free(event);
}

static gint event_compare(gconstpointer a, gconstpointer b,
                          gpointer unused G_GNUC_UNUSED)
{
    const Event *left = a;
    const Event *right = b;

    if (left->when != right->when) {
        return left->when < right->when ? -1 : 1;
    }
    return left->number < right->number ? -1 : left->number > right->number;
}

EventQueue *event_queue_new(void)
{
    EventQueue *queue = g_new0(EventQueue, 1);

    queue->events = g_sequence_new(NULL);
    return queue;
}

/* The next event that is due until @until, taken out; NULL for none. */
static Event *event_queue_take(EventQueue *queue, guint64 until)
{
    GSequenceIter *first = g_sequence_get_begin_iter(queue->events);
    Event *event;

    if (g_sequence_iter_is_end(first)) {
        return NULL;
    }
    event = g_sequence_get(first);
    if (event->when > until) {
        return NULL;
    }
    g_sequence_remove(first);
    return event;
}

void event_queue_free(EventQueue *queue)
{
    Event *event;

    while ((event = event_queue_take(queue, EVENT_NEVER)) != NULL) {
        event_free(event);
    }
    g_sequence_free(queue->events);
    g_free(queue);
}

guint64 event_queue_now(const EventQueue *queue)
{
    return queue->now;
}

Event *event_queue_add(EventQueue *queue, guint64 when, EventFunc func,
                       gpointer opaque, GDestroyNotify destroy)
{
    Event *event = g_new(Event, 1);

    *event = (Event) {
        .when = MAX(when, queue->now),
        .number = queue->added++,
        .func = func,
        .opaque = opaque,
        .destroy = destroy,
    };
    event->place = g_sequence_insert_sorted(queue->events, event,
                                            event_compare, NULL);
    return event;
}

void event_queue_cancel(EventQueue *queue, Event *event)
{
    g_assert(g_sequence_iter_get_sequence(event->place) == queue->events);
    g_sequence_remove(event->place);
    event_free(event);
}

bool event_queue_step(EventQueue *queue, guint64 until)
{
    Event *event = event_queue_take(queue, MIN(until, EVENT_NEVER - 1));

    if (event == NULL) {
        return false;
    }
    queue->now = event->when;
    event->func(event->opaque);
    event_free(event);
    return true;
}

void event_queue_run(EventQueue *queue, guint64 until)
{
    g_assert(until >= queue->now && until != EVENT_NEVER);
    while (event_queue_step(queue, until)) {
        /* the next one */
    }
    queue->now = until;
}
