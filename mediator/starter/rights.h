/*
 * Which user the starter's children are, and what they may
 *
 * What is called become is for a child that has just been forked. It returns
 * false, with errno set, when the process must not go on; so does
 * rights_keep_needed().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STARTER_RIGHTS_H
#define STARTER_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Be @uid, with the group of the same number and the supplementary @groups,
 * for good and without any capability.
 */
bool rights_become(uid_t uid, const gid_t *groups, size_t count);

/*
 * The same as rights_become() or, where @uid is 0, stay who one is; but with
 * @may_chroot have the capability to do that, and no other, also in the program
 * that is executed next.
 */
bool rights_become_worker(uid_t uid, const gid_t *groups, size_t count,
                          bool may_chroot);

/*
 * In the starter: kill all processes of @uid, and nobody else's. Returns when
 * they have got the signal. It needs no process for that, as they may have taken
 * all that there can be. They cannot signal it meanwhile: who sends a signal is
 * judged by the effective uid, which is theirs then, whom it is sent to by the
 * real and the saved one, which are @keeper, a uid that no worker has, and root.
 */
void rights_kill_all(uid_t keeper, uid_t uid);

/* In the starter: keep what it takes for all of that, and nothing else. */
bool rights_keep_needed(void);

/* Whether this process may chroot. */
bool rights_may_chroot(void);

#endif /* STARTER_RIGHTS_H */
