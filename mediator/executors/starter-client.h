/*
 * The daemon's side of vgpu-starter, which starts and ends its workers
 *
 * starter/protocol.h is what is said. Nothing here waits, but starter_new().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_STARTER_CLIENT_H
#define MEDIATOR_STARTER_CLIENT_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "starter/protocol.h"

typedef struct Starter Starter;

/* A worker, or a probe, which it has started */
typedef struct StarterChild StarterChild;

typedef struct StarterHandlers {
    void (*started)(gpointer opaque, pid_t pid, uid_t uid);
    /*
     * It is no more, nor is anything that it has started; the StarterChild is
     * no more either. @status is what wait() says; @failure is NULL, or why it
     * has not been started or nothing is known of its end.
     */
    void (*gone)(gpointer opaque, int status, const char *failure);
} StarterHandlers;

/*
 * Run @argv, the starter with its options, NULL-terminated, and wait for its
 * HELLO. NULL with a G_IO_ERROR when it does not work.
 */
Starter *starter_new(const char *const *argv, GError **error);

/*
 * The same, but its HELLO is not waited for: it is one that listens at @path. What
 * it starts is not its own to end when this daemon does; it sees the end of the
 * connection.
 */
Starter *starter_connect(const char *path, GError **error);

/* Whether it has failed, and starts nothing any more */
bool starter_is_lost(const Starter *starter);

/* Kills its children; returns when its process has ended, after them. */
void starter_free(Starter *starter);

/*
 * Call @lost, or nothing when it is NULL, from the main loop when the starter
 * has failed, after `gone` of all children.
 */
void starter_on_lost(Starter *starter, void (*lost)(gpointer opaque),
                     gpointer opaque);

/* STARTER_OWN_UIDS, … */
uint32_t starter_flags(const Starter *starter);

/* What becomes a worker's stdin, stdout and stderr; may be the same one */
typedef struct StarterFds {
    int in, out, errors;
} StarterFds;

/*
 * Start a worker with the options @argv, NULL-terminated, or what the first of
 * them is where the starter is one of launchers. Takes over @fds. The handlers
 * are called from the main loop.
 */
StarterChild *starter_start(Starter *starter, const char *const *argv,
                            const StarterFds *fds,
                            const StarterHandlers *handlers,
                            gpointer opaque);

/* Kill it, and all that it has started; `gone` will follow. */
void starter_kill(StarterChild *child);

#endif /* MEDIATOR_STARTER_CLIENT_H */
