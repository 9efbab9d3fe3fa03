/*
 * remoting: the way to a worker on the host
 *
 * The guest's driver is one, transport-driver.c; the tests of the libraries
 * have another one that needs no guest. An open transport is a context of the
 * queue.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REMOTING_TRANSPORT_H
#define REMOTING_TRANSPORT_H

#include "vgpu-stub-ioctl.h"

struct transport;

/*
 * Open the device with this number, from 0 on. Returns 0, or a negative errno:
 * -ENOENT there is none and none behind it; -EOPNOTSUPP it has no queue.
 */
int transport_open(unsigned number, struct transport **transport);

/* End the context, and all that it has; frees @transport. */
void transport_close(struct transport *transport);

/*
 * Submit, wait and take, as vgpu-stub-ioctl.h says of ENTER; any threads may at
 * the same time. Returns 0, or a negative errno.
 */
int transport_enter(struct transport *transport,
                    struct vgpu_stub_io_enter *enter);

#endif /* REMOTING_TRANSPORT_H */
