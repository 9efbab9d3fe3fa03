/*
 * The rights that the daemon gives up for good
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_PRIVILEGES_H
#define MEDIATOR_PRIVILEGES_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* The ids of the user called @name. Errors: G_IO_ERROR; there is none. */
bool privileges_find(const char *name, uid_t *user, gid_t *group,
                     GError **error);

/*
 * Be the user called @name, with the groups of that user, and without any
 * capability; check that there is no way back. Only root can, before there is
 * any thread. Errors: G_IO_ERROR, and the daemon must not go on.
 */
bool privileges_drop(const char *name, GError **error);

#endif /* MEDIATOR_PRIVILEGES_H */
