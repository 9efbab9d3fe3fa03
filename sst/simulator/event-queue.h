/*
 * Simulated time, and what happens when
 *
 * Times are picoseconds since the simulation began. Nothing but
 * event_queue_run() and event_queue_step() makes time pass.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_SIM_EVENT_QUEUE_H
#define SST_SIM_EVENT_QUEUE_H

#include <glib.h>
#include <stdbool.h>

/* A time that never comes */
#define EVENT_NEVER G_MAXUINT64

typedef struct EventQueue EventQueue;
typedef struct Event Event;
typedef void (*EventFunc)(gpointer opaque);

EventQueue *event_queue_new(void);

/* Events that have not happened are dropped. */
void event_queue_free(EventQueue *queue);

guint64 event_queue_now(const EventQueue *queue);

/*
 * Call @func with @opaque at time @when, or now when that has passed. Events of
 * the same time happen in the order in which they were added. @destroy, unless
 * NULL, is called with @opaque when the event has happened or was dropped.
 *
 * The event belongs to the queue and is gone when @func is called.
 */
Event *event_queue_add(EventQueue *queue, guint64 when, EventFunc func,
                       gpointer opaque, GDestroyNotify destroy);

/* Drop an event that has not happened. */
void event_queue_cancel(EventQueue *queue, Event *event);

/*
 * Let the next thing happen, if it is due until @until; false when nothing is.
 * Then it is its time. What is due at EVENT_NEVER does not happen.
 */
bool event_queue_step(EventQueue *queue, guint64 until);

/*
 * Let everything happen that is due until @until, also what is added
 * meanwhile; then that is the time. @until must not be EVENT_NEVER or in the
 * past.
 */
void event_queue_run(EventQueue *queue, guint64 until);

#endif /* SST_SIM_EVENT_QUEUE_H */
