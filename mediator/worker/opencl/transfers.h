/*
 * What all commands that move data do
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WORKER_OPENCL_TRANSFERS_H
#define WORKER_OPENCL_TRANSFERS_H

#include "buffers.h"

/*
 * The driver has said @status of the session's command; if it has taken it,
 * @event is that, which moves @size bytes. Returns @status.
 */
cl_int cl_transfer_begun(ClSession *session, cl_int status, cl_event event,
                         uint64_t size);

/*
 * Where a command that reads @size bytes puts them: the bulk, or the payload;
 * NULL: that has no room.
 */
uint8_t *cl_transfer_place(ClSession *session, const ClCommand *command,
                           uint64_t size);

#endif /* WORKER_OPENCL_TRANSFERS_H */
