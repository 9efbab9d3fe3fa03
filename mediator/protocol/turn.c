/*
 * The sockets that the daemon serves, in turns, and what ends a turn
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "turn.h"

#include <errno.h>
#include <sys/epoll.h>

/* So many descriptors are served in a turn; others are before them in the next. */
#define TURN_EVENTS 64

/* The one that there is; `source` is NULL before it is needed */
static struct {
    GSource *source;
    gpointer tag;               /* of `epoll` in the source */
    int epoll;
    struct epoll_event events[TURN_EVENTS];     /* of this turn … */
    int count;
    bool under_way;             /* … which goes on */
    GQueue later[LATER_KINDS];  /* Later */
} turn;

/* --- The turn --- */

/* Serve at most so many descriptors; returns how many it were. */
static int turn_serve(int most)
{
    const int count = epoll_wait(turn.epoll, turn.events, most, 0);

    turn.count = MAX(count, 0);
    for (int i = 0; i < turn.count; i++) {
        Watch *watch = turn.events[i].data.ptr;

        /* It may not be watched for any more. */
        if (watch != NULL) {
            watch->ready(watch, turn.events[i].events);
        }
    }
    turn.count = 0;
    return count;
}

static Later *turn_next_later(void)
{
    GList *link = NULL;

    for (int kind = 0; kind < LATER_KINDS && link == NULL; kind++) {
        link = g_queue_pop_head_link(&turn.later[kind]);
    }
    return link != NULL ? g_steal_pointer(&link->data) : NULL;
}

static gboolean turn_ready(GSource *source,
                           GSourceFunc callback G_GNUC_UNUSED,
                           gpointer opaque G_GNUC_UNUSED)
{
    int left = TURN_EVENTS, served = 0;
    Later *later;

    turn.under_way = true;
    if (g_source_get_ready_time(source) != -1) {
        g_source_set_ready_time(source, -1);
    }
    do {
        if (g_source_query_unix_fd(source, turn.tag) != 0) {
            served = turn_serve(left);
            left -= served;
        }
        while ((later = turn_next_later()) != NULL) {
            later->run(later);
        }
    } while (served > 0 && left > 0);
    turn.under_way = false;
    return G_SOURCE_CONTINUE;
}

static void turn_prepare(void)
{
    static GSourceFuncs functions = { .dispatch = turn_ready };

    if (turn.source != NULL) {
        return;
    }
    turn.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (turn.epoll < 0) {
        g_error("epoll_create1: %s", g_strerror(errno));
    }
    turn.source = g_source_new(&functions, sizeof(GSource));
    turn.tag = g_source_add_unix_fd(turn.source, turn.epoll, G_IO_IN);
    /*
     * Nothing runs a main loop within the main loop. Unless GLib knows that,
     * it takes the source out of it and puts it in again around each call,
     * with two writes to its eventfd.
     */
    g_source_set_can_recurse(turn.source, TRUE);
    g_source_attach(turn.source, NULL);
}

/* --- Watches --- */

/* What this turn has found of it is no news any more. */
static void turn_forget(const Watch *watch)
{
    for (int i = 0; i < turn.count; i++) {
        if (turn.events[i].data.ptr == watch) {
            turn.events[i].data.ptr = NULL;
        }
    }
}

void watch_for(Watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };
    const int change = watch->events == 0 ? EPOLL_CTL_ADD :
                       events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    if (watch->events == events) {
        return;
    }
    turn_prepare();
    if (epoll_ctl(turn.epoll, change, watch->fd, &event) < 0) {
        g_error("epoll_ctl: %s", g_strerror(errno));
    }
    watch->events = events;
    if (events == 0) {
        turn_forget(watch);
    }
}

bool watch_possible(int fd)
{
    struct epoll_event event = { .events = 0 };

    turn_prepare();
    return epoll_ctl(turn.epoll, EPOLL_CTL_ADD, fd, &event) == 0 &&
           epoll_ctl(turn.epoll, EPOLL_CTL_DEL, fd, NULL) == 0;
}

/* --- What is put off --- */

void later_run(Later *later)
{
    if (later->link.data != NULL) {
        return;
    }
    turn_prepare();
    later->link.data = later;
    g_queue_push_tail_link(&turn.later[later->kind], &later->link);
    if (!turn.under_way) {
        g_source_set_ready_time(turn.source, 0);
    }
}

void later_cancel(Later *later)
{
    if (later->link.data != NULL) {
        g_queue_unlink(&turn.later[later->kind], &later->link);
        later->link.data = NULL;
    }
}
