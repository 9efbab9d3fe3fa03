/*
 * Closes the file system: a folder becomes all that there is
 *
 * A driver needs files of the host when it is opened, and hardly any later; a
 * guest's program that takes it over, or makes its compiler read files, is to
 * find none. So a worker keeps the right to chroot() while it opens its driver,
 * in one thread of its own, and uses it before it serves anybody.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_CLOSURE_H
#define WORKER_CLOSURE_H

#include <glib.h>
#include <stdbool.h>

typedef struct Closure Closure;

/*
 * Get ready to close the file system but for @folder. The right is the one that
 * the process was started with (CAP_SYS_CHROOT) or, without it, one of a user
 * namespace of its own. There must be no other thread yet.
 *
 * Errors: G_IO_ERROR; there is no such right, and nothing has changed.
 */
Closure *closure_new(const char *folder, GError **error);

/*
 * Close it: @folder is the root and the current folder of all threads, and what
 * they have open of other folders is the root, too. Frees @closure.
 *
 * Errors: G_IO_ERROR; the process must not go on then.
 */
bool closure_close(Closure *closure, GError **error);

/*
 * Give up all capabilities, in this thread and for those that it starts.
 * Errors: G_IO_ERROR.
 */
bool closure_drop_capabilities(GError **error);

#endif /* WORKER_CLOSURE_H */
