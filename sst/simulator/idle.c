/*
 * Time that passes while software waits for an interrupt
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "idle.h"

/* Before QEMUs are looked at again */
#define MAX_STEPS 1000

struct Idle {
    EventQueue *queue;
    GPtrArray *servers;
    guint source;               /* 0: none */
};

/* Whether all wait; at least until *@until, EVENT_NEVER for an interrupt. */
static bool idle_all(const Idle *idle, guint64 *until)
{
    guint connections = 0;

    *until = EVENT_NEVER;
    for (guint i = 0; i < idle->servers->len; i++) {
        if (!server_idle(g_ptr_array_index(idle->servers, i), &connections,
                         until)) {
            return false;
        }
    }
    return connections > 0;
}

/* The time that they said is over: they will do something by themselves. */
static void idle_end(const Idle *idle, guint64 until)
{
    event_queue_run(idle->queue, until);
    for (guint i = 0; i < idle->servers->len; i++) {
        server_end_idle(g_ptr_array_index(idle->servers, i));
    }
}

/* Let the next thing happen; false when there is none, or somebody is awake. */
static bool idle_next(const Idle *idle)
{
    guint64 until;

    if (!idle_all(idle, &until)) {
        return false;
    }
    if (event_queue_step(idle->queue, until)) {
        return true;
    }
    if (until != EVENT_NEVER) {
        idle_end(idle, until);
    }
    return false;
}

static gboolean idle_step(gpointer opaque)
{
    Idle *idle = opaque;

    for (unsigned i = 0; i < MAX_STEPS; i++) {
        if (!idle_next(idle)) {
            idle->source = 0;
            return G_SOURCE_REMOVE;
        }
    }
    return G_SOURCE_CONTINUE;
}

/* What has arrived meanwhile on any connection comes first. */
static void idle_consider(gpointer opaque)
{
    Idle *idle = opaque;

    if (idle->source == 0) {
        idle->source = g_idle_add_full(G_PRIORITY_DEFAULT_IDLE, idle_step, idle,
                                       NULL);
    }
}

Idle *idle_new(EventQueue *queue, GPtrArray *servers)
{
    Idle *idle = g_new(Idle, 1);

    *idle = (Idle) { .queue = queue, .servers = servers };
    for (guint i = 0; i < servers->len; i++) {
        server_on_idle(g_ptr_array_index(servers, i), idle_consider, idle);
    }
    return idle;
}

void idle_free(Idle *idle)
{
    for (guint i = 0; i < idle->servers->len; i++) {
        server_on_idle(g_ptr_array_index(idle->servers, i), NULL, NULL);
    }
    if (idle->source != 0) {
        g_source_remove(idle->source);
    }
    g_free(idle);
}
