/*
 * Which VM a socket belongs to
 *
 * dom0 names the sockets, so their names say it. What comes through a socket
 * does not: the VM may have taken over its QEMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_IDENTITY_H
#define MEDIATOR_IDENTITY_H

#include <glib.h>
#include <stdbool.h>

/*
 * The name of the VM whose socket is at @path: of `<vm>-<n>.sock`, as in
 * `7-0.sock` of domain 7, the first part; any other socket is a VM of its own,
 * named by its absolute path. To be freed with g_free().
 */
char *identity_of_socket(const char *path);

/* Whether the VM called @name is a Xen domain, and then its domid. */
bool identity_domid(const char *name, guint64 *domid);

#endif /* MEDIATOR_IDENTITY_H */
