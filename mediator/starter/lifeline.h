/*
 * A worker dies with its starter
 *
 * PR_SET_PDEATHSIG does not do that here: the signal is sent with the rights of
 * the parent that dies, and the starter has none to signal another user. So
 * workers hold the end of a pipe whose other end is the starter's, and the
 * kernel signals that to them with the rights of those who asked for it: theirs.
 *
 * It is for workers that have not been taken over. One that lets go of the pipe
 * is found by the next starter, as is what a worker has started.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_LIFELINE_H
#define STARTER_LIFELINE_H

#include <stdbool.h>

/* In the starter, once. False with errno set. */
bool lifeline_make(void);

/* In a child, with the starter's user: a descriptor, or -1 with errno set */
int lifeline_take(void);

/*
 * In a child, with its own user: SIGKILL for it when the starter ends, also
 * after it has executed a program. False with errno set: ESRCH when it has ended.
 */
bool lifeline_hold(int fd);

#endif /* STARTER_LIFELINE_H */
