/*
 * The sockets that the daemon serves, in turns, and what ends a turn
 *
 * All of them are one source of the default main context, by epoll(7), so that
 * a turn costs what is ready and not what there is. In a turn, what is ready is
 * served once; then what was put off is done, which would otherwise take another
 * turn of the main context.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_TURN_H
#define MEDIATOR_TURN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Watch Watch;

/* A descriptor that is watched. Its owner embeds it, and sets the first two. */
struct Watch {
    int fd;
    void (*ready)(Watch *watch, uint32_t events);   /* EPOLLIN, … */
    uint32_t events;            /* that are watched for; 0: none, as at first */
};

/*
 * Watch for @events from now on; with 0 not even for the end. It has to be 0 when
 * the descriptor is closed.
 */
void watch_for(Watch *watch, uint32_t events);

/* Whether @fd can be watched: files and some devices cannot. */
bool watch_possible(int fd);

/* What a turn ends with: work first, then sending what has come of it */
typedef enum LaterKind {
    LATER_WORK,
    LATER_SEND,
    LATER_KINDS,
} LaterKind;

typedef struct Later Later;

/* Its owner embeds it, and sets the first two. */
struct Later {
    LaterKind kind;
    void (*run)(Later *later);
    GList link;                 /* its data is not NULL while it is to run */
};

/* Run it once at the end of this turn, or of one that begins at once. */
void later_run(Later *later);

/* It is not to run any more. */
void later_cancel(Later *later);

#endif /* MEDIATOR_TURN_H */
