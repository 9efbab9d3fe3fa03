/*
 * A worker dies with its starter
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE             /* F_SETSIG, pipe2() */
#include "lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Nobody writes, and the starter alone has the end for that. */
static int lifeline[2] = { -1, -1 };

bool lifeline_make(void)
{
    return pipe2(lifeline, O_CLOEXEC) == 0;
}

/* Opened anew: who is signalled is a matter of what was opened. */
int lifeline_take(void)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", lifeline[0]);
    return open(path, O_RDONLY | O_NONBLOCK);
}

bool lifeline_hold(int fd)
{
    struct pollfd ended = { .fd = fd };

    /* A copy of the fork; another one's goes with its program's execution. */
    close(lifeline[1]);
    if (fcntl(fd, F_SETOWN, getpid()) != 0 ||
        fcntl(fd, F_SETSIG, SIGKILL) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) != 0) {
        return false;
    }
    errno = ESRCH;
    return poll(&ended, 1, 0) == 0;
}
