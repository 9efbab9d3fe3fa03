/*
 * The folders of workers, for what their drivers write
 *
 * Each worker has one of its own, which nobody else may look into. What a
 * driver has compiled is there, too: as a rule drivers keep that in one place
 * for all processes of a user, where a worker that was taken over could put
 * code for those of other VMs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_SCRATCH_H
#define STARTER_SCRATCH_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * They will be in the folder at @path, where only this user may make any. False
 * with errno set when that cannot be.
 */
bool scratch_open(const char *path);

/*
 * Make the folder that is called @number, for @uid; 0 is this user. False with
 * errno set.
 */
bool scratch_make(unsigned number, uid_t uid);
bool scratch_exists(unsigned number);

/*
 * Where several starters have their workers' folders in one place: take the one
 * that is called @number for this process, as long as it has the descriptor. -1
 * when another one has it.
 */
int scratch_lock(unsigned number);

/* In a worker: tell its driver of the folder. */
void scratch_announce(unsigned number);

/*
 * In a child that is the folder's user, when no other process of that user is
 * left: remove what is in it, whatever that is.
 */
bool scratch_clear(unsigned number);

/* Remove the folder, which is empty; true when it is no more. */
bool scratch_remove(unsigned number);

#endif /* STARTER_SCRATCH_H */
