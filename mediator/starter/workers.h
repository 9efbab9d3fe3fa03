/*
 * The workers: how they start and how they end
 *
 * A worker has a place as long as any process of it lives, and until its
 * folder is removed. With uids of their own, each place has a uid: whatever a
 * worker starts has that uid, too, and is killed by it. Without, its process
 * group is killed, and then whatever has become a child of the starter because
 * its parents have ended: that may be another worker's.
 *
 * Several starters, each for somebody else, can share folders and uids: then a
 * place is taken with a lock, and what is found in it is of one that has ended.
 *
 * Instead of workers it can be launchers (launchers.h). They have this user, no
 * folder, and LAUNCHER_GRACE_MS to end when they are told to: one may have to
 * give back what it holds elsewhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_WORKERS_H
#define STARTER_WORKERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"

/* More groups than that no GPU's devices have. */
#define WORKERS_MAX_GROUPS 16

/* Uids that a range may have; without one, workers at the same time */
#define WORKERS_MAX 65536
#define WORKERS_MAX_SHARED 4096

#define LAUNCHER_GRACE_MS 2000

typedef struct WorkersOptions {
    const char *program;        /* of workers; NULL: they are launchers … */
    const char *config;         /* … that this file names */
    /* 0: they have this user. Else the last one is the keeper's, rights.h. */
    uid_t first_uid, last_uid;
    gid_t groups[WORKERS_MAX_GROUPS];
    size_t group_count;
    bool may_chroot;            /* until they are in their sandbox */
    bool shared;                /* other starters have the same folders, uids */
} WorkersOptions;

/* Say something to the daemon. */
typedef void (*WorkersTell)(StarterType type, uint32_t id, uint32_t a,
                            uint32_t b);

/*
 * What an earlier starter may have left with the uids ends now. False with
 * errno set when there is no memory.
 */
bool workers_init(const WorkersOptions *options, WorkersTell tell);

/* Whether there is a worker @id. */
bool workers_have(uint32_t id);

/*
 * Start worker @id, of which there is none, with @arguments, NULL-terminated
 * with a free place before them. Tells STARTED or FAILED. @fds are those of
 * STARTER_START; they stay the caller's.
 */
void workers_start(uint32_t id, const char **arguments, const int *fds);

/* How soon to call workers_look() again */
#define WORKERS_LOOK_MS 50

void workers_kill(uint32_t id);
void workers_kill_all(void);

/*
 * See who has ended, and go on with the ends that are not complete. Tells GONE.
 * Returns how many are on their way: then call it when a child has ended, or,
 * with @again, when some time has passed.
 */
unsigned workers_look(bool again);

/* How many places are taken. */
unsigned workers_count(void);

#endif /* STARTER_WORKERS_H */
