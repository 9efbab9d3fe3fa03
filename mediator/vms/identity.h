/*
 * Which VM a socket belongs to
 *
 * dom0 names the sockets, so their names say it. What comes through a socket
 * does not: the VM may have taken over its QEMU.
 *
 *   UUID.DOMID-N.sock  device N of the VM with that UUID, which runs as that
 *                      domain: the hook of XCP-ng names them so
 *   NAME-N.sock        device N of the VM called NAME, for sockets that are
 *                      named by hand; a NAME of digits is a domid
 *   any other          a VM of its own, named by the socket's absolute path
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_IDENTITY_H
#define MEDIATOR_IDENTITY_H

#include <glib.h>
#include <stdbool.h>

typedef struct Identity {
    char *vm;                   /* the VM's name: its UUID, in lower case, if
                                 * the socket's name has one */
    bool has_domid;
    guint32 domid;              /* as which it runs, if that is known */
} Identity;

/* What the name of the socket at @path says, to be freed */
Identity *identity_of_socket(const char *path);
void identity_free(Identity *identity);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Identity, identity_free)

/* Whether @name, an Identity's, is a UUID: the VM's for all of its life */
bool identity_is_uuid(const char *name);

/*
 * Whether @text is a domid, and then which. A VM that is named by one is
 * another VM when the domain has ended.
 */
bool identity_parse_domid(const char *text, guint32 *domid);

/*
 * Why no VM that lasts can be called @name, and what to write instead; NULL when
 * one can. This is for names that people write: a domid, a path or a UUID with a
 * mistake in it would mean nobody, or a stranger.
 */
const char *identity_name_mistake(const char *name);

#endif /* MEDIATOR_IDENTITY_H */
