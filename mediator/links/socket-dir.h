/*
 * The directory where devices have their sockets
 *
 * Every *.sock in it has a link. The link goes when its socket and its
 * connection are both gone. The directory itself may come and go.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MEDIATOR_SOCKET_DIR_H
#define MEDIATOR_SOCKET_DIR_H

#include "schedule/dispatch.h"

typedef struct SocketDir SocketDir;

/* Watch the directory at @path; the devices' requests go to @dispatch. */
SocketDir *socket_dir_new(const char *path, Vms *vms, Dispatch *dispatch);

/* As link_drain(), for all links; there will be no new ones. */
void socket_dir_drain(SocketDir *dir);
bool socket_dir_drained(SocketDir *dir);

/* Frees the links, too. */
void socket_dir_free(SocketDir *dir);

#endif /* MEDIATOR_SOCKET_DIR_H */
